import { Button } from '@mantine/core';
import { useState } from 'react';
import { fromHex } from '../../crypto';
import { Icon } from '../../ui/icons';
import { codeText } from '../session/appointing';
import css from './Proxies.module.css';

/** How the other opens an invitation: a link, or the code by hand. */
export function InviteCode({ code, name }: { code: string; name: string }) {
  const text = codeText(fromHex(code));
  const link = `${window.location.origin}/act#${text}`;
  const [copied, setCopied] = useState(false);
  const copy = () => void navigator.clipboard?.writeText(link).then(() => setCopied(true));
  return (
    <div className={css.stack}>
      <p>Send {name} this link, and nobody else. Or let {name} open “{window.location.host}/act” and type the code:</p>
      <p className={css.code}>{text}</p>
      <div className={css.actions}>
        <Button variant="default" size="lg" leftSection={<Icon name="copy" size={20} />} onClick={copy}>Copy the link</Button>
        <span role="status">{copied ? 'Copied.' : ''}</span>
      </div>
    </div>
  );
}

import { Button } from '@mantine/core';
import { useEffect, useId, useLayoutEffect, useRef, type ReactNode } from 'react';
import css from './Dialog.module.css';

interface Props {
  open: boolean;
  title: string;
  onClose: () => void;
  confirm?: { label: string; onConfirm: () => void; danger?: boolean; busy?: boolean };
  children: ReactNode;
}

/** The browser's own dialog: it traps focus, closes on Escape and needs no script of ours for either. */
export function Dialog({ open, title, onClose, confirm, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const id = useId();
  const plain = !confirm;
  useEffect(() => {
    const element = dialog.current;
    if (!element) return;
    if (open && !element.open) {
      element.showModal?.();
      // What is only read begins at its beginning: the browser would go to the button at the end.
      if (plain) heading.current?.focus();
    }
    if (!open && element.open) element.close();
  }, [open, plain]);
  // Taken away while open, it would drop the focus instead of giving it back.
  useLayoutEffect(() => {
    const element = dialog.current;
    return () => element?.close?.();
  }, []);
  return (
    <dialog ref={dialog} className={css.dialog} aria-labelledby={id} onClose={onClose} onCancel={onClose}>
      {open && (
        <>
          <h2 id={id} ref={heading} tabIndex={-1} className={css.title}>{title}</h2>
          <div className={css.body}>{children}</div>
          <div className={css.actions}>
            <Button variant="default" onClick={onClose}>{confirm ? 'Cancel' : 'Close'}</Button>
            {confirm && (
              <Button color={confirm.danger ? 'rose' : undefined} loading={confirm.busy} onClick={confirm.onConfirm}>{confirm.label}</Button>
            )}
          </div>
        </>
      )}
    </dialog>
  );
}

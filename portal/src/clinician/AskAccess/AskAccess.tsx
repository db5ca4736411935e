import { NativeSelect, Textarea } from '@mantine/core';
import { useState } from 'react';
import type { Category } from '../../crypto/formats';
import { staff } from '../../api/staff';
import { CategoryPicker } from '../../ui/CategoryPicker/CategoryPicker';
import { Dialog } from '../../ui/Dialog/Dialog';
import { useAction } from '../../ui/hooks';
import { ErrorNote, Note } from '../../ui/Note/Note';

const START: Category[] = ['problems', 'medications', 'allergies', 'labs'];

/** Asks the patient to share; the patient chooses what, or refuses. */
export function AskAccess({ patient, name, onClose }: { patient: string; name: string; onClose: () => void }) {
  const [categories, setCategories] = useState<Category[]>(START);
  const [reason, setReason] = useState('');
  const [days, setDays] = useState(30);
  const [sent, setSent] = useState(false);
  const ask = useAction(async () => {
    await staff.ask({ patient, categories, reason: reason.trim(), days });
    setSent(true);
  });
  if (sent) return <Dialog open title="Asked" onClose={onClose}><Note tone="good">{name} sees your request at the next visit to the portal and decides.</Note></Dialog>;
  const ready = reason.trim().length >= 3 && categories.length > 0;
  return (
    <Dialog open title={`Ask ${name} for access`} onClose={onClose} confirm={{ label: 'Ask', busy: ask.busy, onConfirm: () => ready && void ask.go() }}>
      <Textarea label="Why" description="The patient reads this." value={reason} onChange={(event) => setReason(event.currentTarget.value)} maxLength={200} required />
      <NativeSelect size="md" label="For how long" value={String(days)} onChange={(event) => setDays(Number(event.currentTarget.value))} data={[{ value: '7', label: '1 week' }, { value: '30', label: '1 month' }, { value: '90', label: '3 months' }, { value: '365', label: '1 year' }]} />
      <CategoryPicker value={categories} onChange={setCategories} />
      {ask.error && <ErrorNote message={ask.error} />}
    </Dialog>
  );
}

import { day } from '../../ui/fhir/dates';
import { factsOf, type Find } from '../../ui/fhir/facts';
import { Dialog } from '../../ui/Dialog/Dialog';
import { Facts } from '../../ui/Facts/Facts';
import { Prose, Values } from '../../ui/RecordDetails/RecordDetails';
import type { ChartEntry } from '../chart';

/** All that one entry says: notes and reports are read here. */
export function EntryDialog({ entry, source, find, onClose }: { entry: ChartEntry; source: string; find: Find; onClose: () => void }) {
  const { resource, described } = entry;
  return (
    <Dialog open title={described.title} onClose={onClose}>
      <p>{[described.kind, described.date && day(described.date), source].filter(Boolean).join(' · ')}</p>
      <Values resource={resource} />
      <Prose resource={resource} />
      <Facts of={factsOf(resource, find)} />
    </Dialog>
  );
}

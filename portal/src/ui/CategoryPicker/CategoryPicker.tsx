import { Checkbox } from '@mantine/core';
import { CATEGORIES, isProtected, type Category } from '../../crypto/formats';
import { CATEGORY_WORDS } from '../fhir/describe';
import css from './CategoryPicker.module.css';

interface Props {
  value: Category[];
  onChange: (value: Category[]) => void;
  /** Number of entries by category; categories without are left out. */
  counts?: Map<string, number>;
}

/** General categories first; the protected ones apart, by name, never part of "everything". */
export function CategoryPicker({ value, onChange, counts }: Props) {
  const there = CATEGORIES.filter((category) => !counts || counts.has(category));
  const general = there.filter((category) => !isProtected(category));
  const guarded = there.filter(isProtected);
  const all = general.every((category) => value.includes(category));
  const toggle = (category: Category) =>
    onChange(value.includes(category) ? value.filter((one) => one !== category) : [...value, category]);
  const box = (category: Category) => (
    <Checkbox
      key={category}
      className={css.box}
      checked={value.includes(category)}
      onChange={() => toggle(category)}
      label={CATEGORY_WORDS[category].name}
      description={CATEGORY_WORDS[category].about}
    />
  );
  return (
    <div className={css.picker}>
      <fieldset className={css.set}>
        <legend className="visually-hidden">What to share</legend>
        {general.length > 1 && (
          <Checkbox
            className={`${css.box} ${css.all}`}
            checked={all}
            indeterminate={!all && general.some((category) => value.includes(category))}
            onChange={() => onChange([...value.filter(isProtected), ...(all ? [] : general)])}
            label="Everything that is not extra protected"
          />
        )}
        {general.map(box)}
      </fieldset>
      {guarded.length > 0 && (
        <fieldset className={`${css.set} ${css.guarded}`}>
          <legend>Extra protected</legend>
          <p className={css.hint}>These are only shared if you tick them here, one by one.</p>
          {guarded.map(box)}
        </fieldset>
      )}
    </div>
  );
}

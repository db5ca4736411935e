/**
 * Whose record is shown: the common ranges are those of adults and say nothing about a child. One person at a time,
 * set where the records are read.
 */
import { ageAt, toDate } from './dates';

const ADULT_YEARS = 18;
let birthDate: string | undefined;

export function setPerson(born: string | undefined): void {
  birthDate = born;
}

/** Without a date of birth nobody is taken for a child. */
export function wasAdult(on: string | undefined): boolean {
  const age = ageAt(birthDate, toDate(on) ?? new Date());
  return age === null || age >= ADULT_YEARS;
}

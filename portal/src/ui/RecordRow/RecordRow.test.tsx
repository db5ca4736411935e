// @vitest-environment jsdom
import { screen } from '@testing-library/react';
import { expect, it } from 'vitest';
import { show } from '../../testing/render';
import { describe } from '../fhir/describe';
import { RecordList, RecordRow } from './RecordRow';

it('a row is one link that says what kind of entry it is', () => {
  const described = describe({ resourceType: 'Immunization', vaccineCode: { coding: [{ system: 'http://hl7.org/fhir/sid/cvx', code: '140' }] }, occurrenceDateTime: '2026-01-02' });
  show(<RecordList><RecordRow described={described} to="/record/1" source={<span>St. Anna</span>} /></RecordList>);
  const link = screen.getByRole('link');
  expect(link.getAttribute('href')).toBe('/record/1');
  expect(link.textContent).toMatch(/Vaccine: Flu vaccine.*St. Anna/);
});

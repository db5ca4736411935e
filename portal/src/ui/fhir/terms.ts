/**
 * What codes of FHIR's own code systems say, in plain words, for codings that come without a display. Others are named by
 * what the record says of them, or stay codes: a person's codes are never looked up outside their browser.
 */
const HL7 = 'http://terminology.hl7.org/CodeSystem/';

const TERMS: Record<string, Record<string, string>> = {
  [`${HL7}observation-category`]: {
    'social-history': 'Way of life', 'vital-signs': 'Measurement', imaging: 'Imaging', laboratory: 'Lab result', procedure: 'Procedure', survey: 'Questionnaire', exam: 'Examination', therapy: 'Therapy', activity: 'Activity',
  },
  [`${HL7}condition-category`]: { 'problem-list-item': 'Health problem', 'encounter-diagnosis': 'Diagnosis at a visit' },
  [`${HL7}v3-ActCode`]: {
    AMB: 'Visit', EMER: 'Emergency visit', FLD: 'Visit outside', HH: 'Home visit', IMP: 'Stay in hospital', ACUTE: 'Stay in hospital', NONAC: 'Stay in a care home', OBSENC: 'Under observation', PRENC: 'Before a stay in hospital', SS: 'Short stay', VR: 'Video visit',
  },
  [`${HL7}v3-MaritalStatus`]: { A: 'Marriage annulled', D: 'Divorced', I: 'Divorce under way', L: 'Legally separated', M: 'Married', P: 'More than one spouse', S: 'Never married', T: 'Domestic partner', U: 'Unmarried', W: 'Widowed' },
  [`${HL7}v3-NullFlavor`]: { UNK: 'Unknown', NASK: 'Not asked', ASKU: 'Asked, but not known', NI: 'No information', OTH: 'Other', NA: 'Does not apply' },
  [`${HL7}v3-RoleCode`]: {
    MTH: 'Mother', FTH: 'Father', SIS: 'Sister', BRO: 'Brother', SON: 'Son', DAU: 'Daughter', CHILD: 'Child', HUSB: 'Husband', WIFE: 'Wife', SPS: 'Spouse', GRMTH: 'Grandmother', GRFTH: 'Grandfather', MGRMTH: 'Mother’s mother', MGRFTH: 'Mother’s father', PGRMTH: 'Father’s mother', PGRFTH: 'Father’s father', AUNT: 'Aunt', UNCLE: 'Uncle', COUSN: 'Cousin', NMTH: 'Birth mother', NFTH: 'Birth father', NBRO: 'Brother', NSIS: 'Sister', PRN: 'Parent', GUARD: 'Guardian',
  },
  [`${HL7}v2-0131`]: { C: 'Emergency contact', E: 'Employer', F: 'Federal agency', I: 'Insurance company', N: 'Next of kin', S: 'State agency', U: 'Unknown' },
  [`${HL7}v2-0074`]: { LAB: 'Lab result', RAD: 'Imaging', CT: 'CT scan', NMR: 'MRI scan', RUS: 'Ultrasound', OUS: 'Pregnancy ultrasound', VUS: 'Ultrasound of vessels', CUS: 'Heart ultrasound', HM: 'Blood count', CH: 'Blood chemistry', MB: 'Germs', PAT: 'Tissue under the microscope', GE: 'Genetic test', RX: 'X-ray', NMS: 'Nuclear scan', SP: 'Tissue sample' },
  [`${HL7}v3-RouteOfAdministration`]: { PO: 'By mouth', IM: 'Into a muscle', SQ: 'Under the skin', IV: 'Into a vein', IVINJ: 'Into a vein', NASINHL: 'Through the nose', IDINJ: 'Into the skin', TRNSDERM: 'Through the skin', PR: 'Into the rectum', IPINHL: 'Breathed in' },
  [`${HL7}v3-ObservationInterpretation`]: { N: 'Usual', L: 'Low', LL: 'Very low', H: 'High', HH: 'Very high', A: 'Not as usual', AA: 'Very far from usual', POS: 'Positive', NEG: 'Negative', S: 'The medicine works', R: 'The medicine does not work', I: 'In between', IND: 'Not clear' },
  [`${HL7}condition-clinical`]: { active: 'Current', recurrence: 'Has come back', relapse: 'Has come back', inactive: 'Not active now', remission: 'Not active now', resolved: 'Over' },
  [`${HL7}condition-ver-status`]: { unconfirmed: 'Not confirmed yet', provisional: 'Not confirmed yet', differential: 'One of several possibilities', confirmed: 'Confirmed', refuted: 'Ruled out', 'entered-in-error': 'Entered by mistake' },
  [`${HL7}allergyintolerance-clinical`]: { active: 'Current', inactive: 'Not active now', resolved: 'Over' },
  [`${HL7}allergyintolerance-verification`]: { unconfirmed: 'Not confirmed yet', confirmed: 'Confirmed', refuted: 'Ruled out', 'entered-in-error': 'Entered by mistake' },
  [`${HL7}diagnosis-role`]: { AD: 'On arrival', DD: 'At discharge', CC: 'Main complaint', CM: 'Besides', 'pre-op': 'Before the operation', 'post-op': 'After the operation', billing: 'For the bill' },
  [`${HL7}claim-type`]: { institutional: 'Hospital', oral: 'Teeth', pharmacy: 'Pharmacy', professional: 'Doctor', vision: 'Eyes' },
  [`${HL7}medicationrequest-category`]: { inpatient: 'In hospital', outpatient: 'At a visit', community: 'At home', discharge: 'At discharge' },
  [`${HL7}goal-category`]: { dietary: 'Eating', safety: 'Safety', behavioral: 'Habits', nursing: 'Nursing', physiotherapy: 'Exercise' },
};

/** What a code says; `undefined` where it is not one of these. */
export const termOf = (system: string | undefined, code: string | undefined): string | undefined =>
  system === undefined || code === undefined ? undefined : TERMS[system]?.[code];

/** Every code that has words here. */
export const terms = (): [string, string][] => Object.entries(TERMS).flatMap(([system, codes]) => Object.keys(codes).map((code) => [system, code] as [string, string]));

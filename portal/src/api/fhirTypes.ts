/** The parts of FHIR R4 that the portal reads. Everything is optional: real records leave things out. */

export interface Coding {
  system?: string;
  code?: string;
  display?: string;
}
export interface CodeableConcept {
  coding?: Coding[];
  text?: string;
}
export interface Quantity {
  value?: number;
  comparator?: string;
  unit?: string;
  system?: string;
  code?: string;
}
export interface Period {
  start?: string;
  end?: string;
}
export interface Reference {
  reference?: string;
  display?: string;
}
export type Placed = Reference & { location?: Reference };
export interface ReferenceRange {
  low?: Quantity;
  high?: Quantity;
  text?: string;
}
export interface Annotation {
  text?: string;
}
export interface ObservationComponent {
  code?: CodeableConcept;
  valueQuantity?: Quantity;
  valueCodeableConcept?: CodeableConcept;
  valueString?: string;
  interpretation?: CodeableConcept[];
  referenceRange?: ReferenceRange[];
}
export interface HumanName {
  text?: string;
  family?: string;
  given?: string[];
  prefix?: string[];
}

export interface Resource {
  resourceType: string;
  id?: string;
  meta?: { source?: string; lastUpdated?: string; versionId?: string; security?: Coding[]; tag?: Coding[] };
  status?: string;
  code?: CodeableConcept;
  category?: CodeableConcept | CodeableConcept[];
  subject?: Reference;
  patient?: Reference;
  encounter?: Reference;
  text?: { div?: string };
  // Dates, under whatever name.
  effectiveDateTime?: string;
  effectivePeriod?: Period;
  effectiveInstant?: string;
  issued?: string;
  onsetDateTime?: string;
  onsetPeriod?: Period;
  abatementDateTime?: string;
  recordedDate?: string;
  authoredOn?: string;
  dateAsserted?: string;
  performedDateTime?: string;
  performedPeriod?: Period;
  occurrenceDateTime?: string;
  period?: Period;
  date?: string;
  created?: string;
  started?: string;
  recorded?: string;
  whenHandedOver?: string;
  // Values.
  value?: string;
  valueQuantity?: Quantity;
  valueCodeableConcept?: CodeableConcept;
  valueString?: string;
  valueBoolean?: boolean;
  valueInteger?: number;
  valueDateTime?: string;
  component?: ObservationComponent[];
  interpretation?: CodeableConcept[];
  referenceRange?: ReferenceRange[];
  note?: Annotation[];
  // Per type.
  clinicalStatus?: CodeableConcept;
  verificationStatus?: CodeableConcept;
  severity?: CodeableConcept;
  criticality?: string;
  reaction?: { manifestation?: CodeableConcept[]; severity?: string }[];
  medicationCodeableConcept?: CodeableConcept;
  medicationReference?: Reference;
  dosageInstruction?: Dosage[];
  dosage?: Dosage[];
  vaccineCode?: CodeableConcept;
  lotNumber?: string;
  type?: CodeableConcept | CodeableConcept[];
  class?: Coding;
  reasonCode?: CodeableConcept[];
  serviceType?: CodeableConcept;
  serviceProvider?: Reference;
  participant?: { individual?: Reference; actor?: Reference; member?: Reference; role?: CodeableConcept | CodeableConcept[] }[];
  performer?: (Reference & { actor?: Reference })[];
  requester?: Reference;
  recorder?: Reference;
  asserter?: Reference;
  author?: Reference | Reference[];
  result?: Reference[];
  conclusion?: string;
  presentedForm?: Attachment[];
  content?: (Attachment & { attachment?: Attachment })[];
  description?: string | { text?: string };
  title?: string;
  name?: HumanName[] | string;
  birthDate?: string;
  gender?: string;
  telecom?: { system?: string; value?: string }[];
  address?: Address | Address[];
  total?: { value?: number; currency?: string } | unknown;
  lifecycleStatus?: string;
  achievementStatus?: CodeableConcept;
  startDate?: string;
  addresses?: Reference[];
  goal?: Reference[];
  activity?: { detail?: { code?: CodeableConcept; description?: string; status?: string } }[];
  item?: { productOrService?: CodeableConcept }[];
  payment?: { amount?: unknown };
  insurer?: Reference;
  insurance?: { coverage?: Reference }[];
  payor?: Reference[];
  subscriberId?: string;
  agent?: { who?: Reference; onBehalfOf?: Reference }[];
  series?: { modality?: Coding; bodySite?: Coding }[];
  procedureCode?: CodeableConcept[];
  deviceName?: { name?: string }[];
  manufacturer?: string | Reference;
  modelNumber?: string;
  serialNumber?: string;
  expirationDate?: string;
  site?: CodeableConcept;
  /** An encounter wraps the reference, others do not. */
  location?: Placed | Placed[];
  protocolApplied?: { doseNumberPositiveInt?: number }[];
  outcome?: CodeableConcept | string;
  reasonReference?: Reference[];
  maritalStatus?: CodeableConcept;
  communication?: { language?: CodeableConcept }[];
  generalPractitioner?: Reference[];
  deceasedDateTime?: string;
  condition?: { code?: CodeableConcept }[];
  dataAbsentReason?: CodeableConcept;
  modality?: Coding | Coding[];
  numberOfInstances?: number;
  bodySite?: CodeableConcept | CodeableConcept[];
  target?: { dueDate?: string }[];
  [other: string]: unknown;
}
export interface Address {
  text?: string;
  line?: string[];
  city?: string;
  state?: string;
  postalCode?: string;
  country?: string;
}
export interface Attachment {
  contentType?: string;
  data?: string;
  title?: string;
}
export interface Dosage {
  text?: string;
  patientInstruction?: string;
  asNeededBoolean?: boolean;
  timing?: { code?: CodeableConcept; repeat?: { frequency?: number; period?: number; periodUnit?: string } };
  doseAndRate?: { doseQuantity?: Quantity }[];
}
export interface Bundle {
  resourceType: 'Bundle';
  type?: string;
  entry?: { fullUrl?: string; resource?: Resource }[];
  link?: { relation?: string; url?: string }[];
}

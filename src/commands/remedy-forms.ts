/** The forms in which one remedy is printed. */
export const REMEDY_FORMS = ['yaml', 'json', 'patch', 'diff'] as const;
export type RemedyForm = (typeof REMEDY_FORMS)[number];

/** What the parts of a question are called by the one who asks: options of the command line, fields of the API or of a test file. */
export interface QuestionWords {
  readonly namespace: string;
  readonly method: string;
  readonly path: string;
  readonly grpc: string;
  /** The address that the client calls from. */
  readonly ip: string;
  readonly unmeshed: string;
  /** Objects that would be deleted. */
  readonly delete: string;
}

export const OPTION_WORDS: QuestionWords = {
  namespace: '-n',
  method: '--method',
  path: '--path',
  grpc: '--grpc',
  ip: '--as-ip',
  unmeshed: '--unmeshed',
  delete: '--delete',
};

/** `POST /api/v1/can` and `/api/v1/simulate`. */
export const FIELD_WORDS: QuestionWords = {
  namespace: '`namespace`',
  method: '`method`',
  path: '`path`',
  grpc: '`grpc`',
  ip: '`ip`',
  unmeshed: '`unmeshed`',
  delete: '`delete`',
};

/** Files of `denywhy test`. */
export const TEST_WORDS: QuestionWords = { ...FIELD_WORDS, ip: '`asIp`' };

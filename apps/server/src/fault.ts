/** What a person has to know and can do something about: a sentence, and no stack. */
export class Fault extends Error {
  override readonly name = 'Fault';

  constructor(
    message: string,
    readonly exitCode = 1,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

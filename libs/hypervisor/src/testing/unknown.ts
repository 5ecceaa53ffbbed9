import { expect } from '@jest/globals';

/** Pointers to what stands for unknown in an answer of a driver, where it should be absent: an empty text, and the year 1970. */
export function placeholdersIn(answer: unknown, pointer = ''): string[] {
  if (answer === '' || (typeof answer === 'string' && answer.startsWith('1970-01-01T'))) return [pointer];
  if (typeof answer !== 'object' || answer === null) return [];
  return Object.entries(answer).flatMap(([key, member]) => placeholdersIn(member, `${pointer}/${key}`));
}

/** The answer, of which nothing may be said that is not known. */
export function told<Answer>(answer: Answer): Answer {
  expect({ answer, placeholders: placeholdersIn(answer) }).toEqual({ answer, placeholders: [] });
  return answer;
}

import { z } from 'zod';

/**
 * What makes two names look alike, or one look like something else: controls of direction, and characters without a width. The
 * joiner is one of them unless it stands in an emoji that is made of several.
 */
const unseen =
  /(?!\u200d|\ufe0f)\p{Default_Ignorable_Code_Point}|[\p{Bidi_Control}\ufff9-\ufffb]|(?<!\p{Extended_Pictographic}|\ufe0f|\p{Emoji_Modifier})\u200d|\u200d(?!\p{Extended_Pictographic})|(?<!\p{Emoji})\ufe0f/u;

/** A text that others read as the name of something: what is there is seen. */
export const isSeen = (name: string): boolean => !unseen.test(name);
export const unseenFault = 'A name has no characters that are not seen, and none that turn the direction of writing.';

/** A name that a person gives to something of theirs: a token, a view, a program. White space around it is cut off. */
export const givenName = (most: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(most)
    .refine((name) => !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(name), 'A name has no control character.')
    .refine(isSeen, unseenFault);

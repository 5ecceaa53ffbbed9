const pattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Prism answers 400 to what is no UUID, where the question is whether there is such a VM. */
export const isUuid = (text: string): boolean => pattern.test(text);

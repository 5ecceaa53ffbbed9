/**
 * Imported before everything else. The policy of the page lets in only those style elements that have its nonce, and the libraries
 * that insert one do not all ask for it.
 */
export const styleNonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? '';

// Where react-remove-scroll, which is behind every dialog, looks for it.
(globalThis as { __webpack_nonce__?: string }).__webpack_nonce__ = styleNonce;

const create = Document.prototype.createElement as (
  this: Document,
  name: string,
  options?: ElementCreationOptions,
) => HTMLElement;
Document.prototype.createElement = function (this: Document, name: string, options?: ElementCreationOptions) {
  const element = create.call(this, name, options);
  if (name.toLowerCase() === 'style') element.nonce = styleNonce;
  return element;
} as typeof Document.prototype.createElement;

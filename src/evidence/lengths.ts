/** How long what Linkerd names can be: longer text was not written by a proxy, and is not kept. */

/** Names, kinds and API groups of Kubernetes objects. */
export const MAX_NAME = 253;
/** A SPIFFE id; DNS names of certificates and ClientHellos are shorter. */
export const MAX_IDENTITY = 2048;

import { X509Certificate } from "node:crypto";
import { isIPv4, isIPv6 } from "node:net";

/**
 * The one URI among a certificate's subject alternative names, read from its DER encoding (RFC 5280 section 4.2.1.6). Textual
 * forms are not used: their quoting has been fooled before. Undefined when there is none, more than one, or anything but
 * printable ASCII in it (X.509-SVID section 2 allows exactly one URI), or when the encoding is broken.
 */
export function onlyURI(certificate: Uint8Array): string | undefined {
  try {
    const uris = [...subjectAlternativeURIs(certificate)];
    return uris.length === 1 ? uris[0] : undefined;
  } catch (error) {
    if (error instanceof MalformedDER) return undefined;
    throw error;
  }
}

/** {@link onlyURI} of a certificate in PEM. */
export const identityOf = (certificate: string): string | undefined => onlyURI(new X509Certificate(certificate).raw);

/** One form for all spellings of an address: IPv4-mapped IPv6 as IPv4, IPv6 as RFC 5952 has it; undefined if it is none. */
export function normalizeAddress(address: string): string | undefined {
  if (isIPv4(address)) return address;
  const [plain = ""] = address.split("%");
  if (!isIPv6(plain)) return undefined;
  const canonical = new URL(`http://[${plain}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (mapped === null) return canonical;
  const [high, low] = [Number.parseInt(mapped[1] ?? "", 16), Number.parseInt(mapped[2] ?? "", 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

// ------------------------------------------------------------------------------------------------- DER (X.690 section 10)

class MalformedDER extends Error {}

interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

const tags = { sequence: 0x30, extensions: 0xa3, objectIdentifier: 0x06, octetString: 0x04, uri: 0x86 } as const;
/** id-ce-subjectAltName, 2.5.29.17. */
const subjectAlternativeName = [0x55, 0x1d, 0x11];

function* subjectAlternativeURIs(certificate: Uint8Array): Generator<string> {
  const toBeSigned = child(only(certificate, tags.sequence), tags.sequence);
  const extensions = [...elements(toBeSigned)].filter(({ tag }) => tag === tags.extensions);
  if (extensions.length !== 1) return;
  let seen = false;
  for (const extension of elements(only(extensions[0]?.content ?? new Uint8Array(), tags.sequence))) {
    const parts = [...elements(extension.content)];
    const identifier = parts[0];
    if (extension.tag !== tags.sequence || identifier?.tag !== tags.objectIdentifier) throw new MalformedDER();
    if (identifier.content.length !== 3 || !subjectAlternativeName.every((byte, i) => identifier.content[i] === byte))
      continue;
    const value = parts.at(-1);
    if (seen || value?.tag !== tags.octetString) throw new MalformedDER();
    seen = true;
    for (const name of elements(only(value.content, tags.sequence))) {
      if (name.tag === tags.uri) yield printable(name.content);
    }
  }
}

/** The contents of the only element, of this tag. */
function only(bytes: Uint8Array, tag: number): Uint8Array {
  const found = [...elements(bytes)];
  if (found.length !== 1 || found[0]?.tag !== tag) throw new MalformedDER();
  return found[0].content;
}

/** The contents of the first element, of this tag. */
function child(bytes: Uint8Array, tag: number): Uint8Array {
  const [first] = elements(bytes);
  if (first?.tag !== tag) throw new MalformedDER();
  return first.content;
}

function* elements(bytes: Uint8Array): Generator<Element> {
  let offset = 0;
  while (offset < bytes.length) {
    const tag = byteAt(bytes, offset);
    // Tags of several bytes do not occur in the parts of a certificate that are read here.
    if ((tag & 0x1f) === 0x1f) throw new MalformedDER();
    let length = byteAt(bytes, offset + 1);
    offset += 2;
    if (length >= 0x80) {
      const size = length & 0x7f;
      if (size === 0 || size > 4) throw new MalformedDER();
      length = 0;
      for (let i = 0; i < size; i++) length = length * 256 + byteAt(bytes, offset + i);
      offset += size;
    }
    if (offset + length > bytes.length) throw new MalformedDER();
    yield { tag, content: bytes.subarray(offset, offset + length) };
    offset += length;
  }
}

function byteAt(bytes: Uint8Array, offset: number): number {
  const byte = bytes[offset];
  if (byte === undefined) throw new MalformedDER();
  return byte;
}

function printable(bytes: Uint8Array): string {
  for (const byte of bytes) if (byte < 0x21 || byte > 0x7e) throw new MalformedDER();
  return Buffer.from(bytes).toString("latin1");
}

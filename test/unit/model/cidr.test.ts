import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isInBlock, parseAddressBlock } from "../../../src/model/cidr.ts";

/** The WHATWG URL parser writes IPv6 addresses as RFC 5952 wants: an implementation that is not ours. */
const canonical = (address: string): string => new URL(`http://[${address}]/`).hostname.slice(1, -1);

describe("parseAddressBlock", () => {
  test.each([
    ["10.1.2.3/16", "10.1.0.0", 16],
    ["10.1.2.3", "10.1.2.3", 32],
    ["255.255.255.255/1", "128.0.0.0", 1],
    ["1.2.3.4/0", "0.0.0.0", 0],
    ["2001:DB8::ffff/33", "2001:db8::", 33],
    ["2001:db8:8000::/33", "2001:db8:8000::", 33],
    ["::1", "::1", 128],
    ["::/0", "::", 0],
    ["64:ff9b::192.0.2.1", "64:ff9b::c000:201", 128],
  ])("%s", (text, address, prefixLength) => {
    expect(parseAddressBlock(text)).toEqual({ address, prefixLength });
  });

  test.each([
    "",
    "10.0.0.0/99",
    "10.0.0/8",
    "10.0.0.256",
    "010.0.0.1",
    "10.0.0.1/",
    "10.0.0.1/08",
    "10.0.0.1/8/8",
    "10.0.0.0/-1",
    " 10.0.0.1",
    "1.2.3.4.5",
    "::/129",
    "1::2::3",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7::8",
    "12345::",
    "fe80::1%eth0",
    "::ffff:1.2.3",
    "10.0.0.*",
    "localhost",
  ])("%j is none", (text) => {
    expect(parseAddressBlock(text)).toBeUndefined();
  });

  test("writes every IPv6 address in the canonical form", () => {
    const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const address = groups.map((value) => value.toString(16)).join(":");
        expect(parseAddressBlock(address)?.address).toBe(canonical(address));
      }),
    );
  });

  test("keeps exactly the bits of the prefix", () => {
    const bytes = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 });
    const bits = (address: string) =>
      address
        .split(".")
        .map((part) => Number(part).toString(2).padStart(8, "0"))
        .join("");
    fc.assert(
      fc.property(bytes, fc.integer({ min: 0, max: 32 }), (parts, length) => {
        const address = parts.join(".");
        const kept = bits(parseAddressBlock(`${address}/${length}`)?.address ?? "");
        expect(kept).toBe(bits(address).slice(0, length).padEnd(32, "0"));
      }),
    );
  });
});

describe("isInBlock", () => {
  const block = (text: string) => {
    const [address = "", prefixLength] = text.split("/");
    return { address, prefixLength: Number(prefixLength) };
  };
  test.each([
    ["10.1.2.3", "10.1.0.0/16", true],
    ["10.2.2.3", "10.1.0.0/16", false],
    ["10.1.2.3", "10.1.2.3/32", true],
    ["10.1.2.2", "10.1.2.3/31", true],
    ["10.1.2.3", "0.0.0.0/0", true],
    ["fd00::1", "0.0.0.0/0", false],
    ["10.1.2.3", "::/0", false],
    ["FD00:0::1", "fd00::/8", true],
    ["fe00::1", "fd00::/8", false],
    ["10.1.2.3/0", "10.0.0.0/8", false],
    ["nothing", "0.0.0.0/0", false],
    ["10.1.2.3", "10.0.0.0/33", false],
  ])("%s in %s is %s", (address, of, expected) => {
    expect(isInBlock(block(of), address)).toBe(expected);
  });
});

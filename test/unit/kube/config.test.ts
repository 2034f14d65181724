import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { stringify } from "yaml";
import { createConnectionSource } from "../../../src/kube/config.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "heddle-test-config-"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

const write = (name: string, content: string): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};

const kubeconfig = (cluster: object, user: object, current = "here"): string =>
  write(
    "kubeconfig",
    stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster }],
      users: [{ name: "u", user }],
      contexts: [{ name: "here", context: { cluster: "c", user: "u" } }],
      "current-context": current,
    }),
  );

describe("the connection", () => {
  test("is what the kubeconfig says, files beside it included", async () => {
    write("ca.crt", "authority");
    const path = kubeconfig(
      { server: "https://api.example:6443/base", "certificate-authority": "ca.crt", "tls-server-name": "kubernetes" },
      {
        "client-certificate-data": Buffer.from("certificate").toString("base64"),
        "client-key-data": Buffer.from("key").toString("base64"),
      },
    );
    const { url, headers, tls, proxy } = await createConnectionSource(path, createFakeClock()).current();
    expect(url.href).toBe("https://api.example:6443/base");
    expect(headers).toEqual({});
    expect(Object.fromEntries(Object.entries(tls).map(([name, value]) => [name, String(value)]))).toEqual({
      ca: "authority",
      cert: "certificate",
      key: "key",
      servername: "kubernetes",
    });
    expect(proxy).toBeUndefined();
  });

  test("has a token that is read anew after a refusal, without the file's line break", async () => {
    const tokenFile = write("token", "first\n");
    const path = kubeconfig(
      { server: "https://api.example" },
      { "auth-provider": { name: "tokenFile", config: { tokenFile } } },
    );
    const clock = createFakeClock();
    const source = createConnectionSource(path, clock);
    const token = async (): Promise<string | undefined> => (await source.current()).headers["Authorization"];
    expect(await token()).toBe("Bearer first");
    write("token", "second\n");
    expect(await token()).toBe("Bearer first");
    // A server that refuses everything does not make every request read all anew.
    source.reload();
    expect(await token()).toBe("Bearer first");
    await clock.advance(5_000);
    source.reload();
    expect(await token()).toBe("Bearer second");
  });

  test("takes new certificates within a minute, and says that they are others", async () => {
    write("ca.crt", "old");
    const path = kubeconfig({ server: "https://api.example", "certificate-authority": "ca.crt" }, { token: "t" });
    const clock = createFakeClock();
    const source = createConnectionSource(path, clock);
    const old = await source.current();
    await clock.advance(61_000);
    expect((await source.current()).fingerprint).toBe(old.fingerprint);
    write("ca.crt", "new");
    await clock.advance(61_000);
    const current = await source.current();
    expect(String(current.tls.ca)).toBe("new");
    expect(current.fingerprint).not.toBe(old.fingerprint);
  });

  test("that cannot be read is tried again by the next request", async () => {
    const path = kubeconfig({ server: "https://api.example", "certificate-authority": "ca.crt" }, { token: "t" });
    const source = createConnectionSource(path, createFakeClock());
    await expect(source.current()).rejects.toThrow("ca.crt");
    write("ca.crt", "authority");
    expect(String((await source.current()).tls.ca)).toBe("authority");
  });

  test("never goes to a server without TLS", async () => {
    const path = kubeconfig({ server: "http://api.example" }, { token: "t" });
    await expect(createConnectionSource(path, createFakeClock()).current()).rejects.toThrow(
      "HTTP protocol is not allowed",
    );
  });

  test("is that of the pod's ServiceAccount where there is no kubeconfig", async () => {
    vi.stubEnv("KUBECONFIG", "");
    vi.stubEnv("KUBERNETES_SERVICE_HOST", "fd00::1");
    vi.stubEnv("KUBERNETES_SERVICE_PORT", "443");
    const source = createConnectionSource(undefined, createFakeClock());
    // This machine is no pod.
    await expect(source.current()).rejects.toThrow("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt");
  });

  test("that is nowhere is an error that says where to put it", () => {
    vi.stubEnv("KUBECONFIG", "");
    vi.stubEnv("KUBERNETES_SERVICE_HOST", "");
    vi.stubEnv("HOME", directory);
    expect(() => createConnectionSource(undefined, createFakeClock())).toThrow("set KUBECONFIG");
    const path = kubeconfig({ server: "https://api.example" }, {}, "elsewhere");
    expect(() => createConnectionSource(path, createFakeClock())).toThrow('context "elsewhere" names no cluster');
  });
});

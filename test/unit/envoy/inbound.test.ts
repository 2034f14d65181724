import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { commonResources, readinessListener } from "../../../src/envoy/common.ts";
import { classResources } from "../../../src/envoy/inbound.ts";
import type { AuthorizationRule, OperationMatch, SourceMatch, WorkloadClass } from "../../../src/model/mesh.ts";
import { recordLimit, render } from "../../../src/reconcilers/record-text.ts";
import { anyWorkload } from "../../support/mesh-arbitraries.ts";
import { identityOf, meshPolicy, meshRule, workloadClass } from "../../support/mesh-samples.ts";
import { ofMessage } from "../../support/walk.ts";

interface Chain {
  readonly name: string;
  readonly filter_chain_match?: Readonly<Record<string, unknown>>;
  readonly transport_socket?: object;
  readonly filters: readonly { readonly name: string }[];
}

function listenerOf(
  workload: WorkloadClass,
): { readonly filter_chains: readonly Chain[] } & Readonly<Record<string, unknown>> {
  const config = classResources(workload).find(({ type }) => type === "listener")?.config;
  return config as unknown as ReturnType<typeof listenerOf>;
}

const chainNames = (workload: WorkloadClass): string[] => listenerOf(workload).filter_chains.map(({ name }) => name);

describe("inbound chains", () => {
  test("tell ports and modes apart", () => {
    const ports = [
      { port: 80, protocol: "http", mode: "Strict" },
      { port: 81, protocol: "http", mode: "Permissive" },
      { port: 82, protocol: "tcp", mode: "Disabled" },
    ] as const;
    expect(chainNames(workloadClass({ ports, mode: "Strict" }))).toEqual([
      "guard/15001",
      "guard/15006",
      "80/mutual-tls",
      "81/mutual-tls",
      "81/tls",
      "81/plaintext",
      "82/mutual-tls",
      "82/tls",
      "82/plaintext",
      "other/mutual-tls",
    ]);
  });

  test("of a Strict workload all end in mutual TLS", () => {
    fc.assert(
      fc.property(anyWorkload, (given) => {
        const ports = given.ports.map((port) => ({ ...port, mode: "Strict" as const }));
        for (const chain of listenerOf({ ...given, ports, mode: "Strict" }).filter_chains) {
          if (chain.name.startsWith("guard/")) {
            expect(JSON.stringify(chain.filters)).toContain('"cluster":"black-hole"');
          } else {
            expect(chain.filter_chain_match).toMatchObject({
              transport_protocol: "tls",
              application_protocols: ["heddle", "heddle-h2"],
            });
            expect(chain.transport_socket).toBeDefined();
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  test("judge whatever they serve, before it is served", () => {
    fc.assert(
      fc.property(anyWorkload, (workload) => {
        for (const { name, filters } of listenerOf(workload).filter_chains) {
          const names = filters.map((filter) => filter.name);
          if (name.startsWith("guard/")) continue;
          const isHTTP = names.includes("envoy.filters.network.http_connection_manager");
          if (isHTTP) expect(names).toHaveLength(1);
          else expect(names.at(-1)).toBe("envoy.filters.network.tcp_proxy");
          // Other TLS than the mesh's hides its requests.
          if (name.endsWith("/tls")) expect(isHTTP).toBe(false);
          if (isHTTP) continue;
          const dryRuns = (workload.dryRuns ?? []).map((policy) => `dry-run-tcp/${policy.name}`);
          expect(names.slice(0, dryRuns.length)).toEqual(dryRuns);
          const judges = names.slice(dryRuns.length, -1);
          const port = workload.ports.find((declared) => name === `${declared.port}/mutual-tls`);
          if (port?.serverFirst === true) {
            // The handshake judges.
            expect(judges).toEqual([]);
            continue;
          }
          expect(judges.includes("authorization-tcp-allow")).toBe(workload.allow !== undefined);
          const isBroad = ({ operations, conditions = [] }: AuthorizationRule): boolean =>
            operations.length === 0 && conditions.length === 0;
          if (workload.deny.some(({ rules }) => rules.some(isBroad))) {
            expect(judges[0]).toBe("authorization-tcp-deny");
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  test("match differently, each one", () => {
    fc.assert(
      fc.property(anyWorkload, (workload) => {
        const matches = listenerOf(workload).filter_chains.map((chain) =>
          JSON.stringify(chain.filter_chain_match ?? {}),
        );
        expect(new Set(matches).size).toBe(matches.length);
      }),
      { numRuns: 30 },
    );
  });

  test("demand a certificate of the trust domain and negotiate no protocol", () => {
    const contexts = ofMessage(listenerOf(workloadClass()), "DownstreamTlsContext");
    expect(contexts.length).toBeGreaterThan(1);
    for (const context of contexts) {
      expect(context).toMatchObject({
        require_client_certificate: true,
        disable_stateless_session_resumption: true,
        disable_stateful_session_resumption: true,
        common_tls_context: {
          tls_params: { tls_minimum_protocol_version: "TLSv1_2" },
          combined_validation_context: {
            default_validation_context: {
              match_typed_subject_alt_names: [{ san_type: "URI", matcher: { prefix: "spiffe://cluster.local/" } }],
            },
            validation_context_sds_secret_config: { name: "trust" },
          },
        },
      });
      expect(context).not.toHaveProperty("common_tls_context.alpn_protocols");
    }
  });

  test("dial the application before the caller has spoken only where no policy is", () => {
    const modes = (workload: WorkloadClass): unknown[] =>
      ofMessage(listenerOf(workload), "TcpProxy")
        .filter((proxy) => proxy["cluster"] === "inbound")
        .map((proxy) => proxy["upstream_connect_mode"]);
    // With the mesh's TLS not before the handshake either.
    expect(new Set(modes(workloadClass()))).toEqual(new Set([undefined, "ON_DOWNSTREAM_TLS_HANDSHAKE"]));
    for (const parts of [{ allow: [] }, { deny: [meshPolicy("shop/p", [{ sources: [], operations: [] }])] }]) {
      expect(new Set(modes(workloadClass(parts)))).toEqual(new Set(["ON_DOWNSTREAM_DATA"]));
    }
  });

  test("of a TCP port change with the rules that can match it, and with no others", () => {
    const changed = (...rules: AuthorizationRule[]): string[] => {
      const contents = (workload: WorkloadClass) =>
        new Map(listenerOf(workload).filter_chains.map((chain) => [chain.name, JSON.stringify(chain)]));
      const before = contents(workloadClass());
      const after = contents(workloadClass({ deny: [meshPolicy("shop/p", rules)] }));
      return [...after].filter(([name, text]) => before.get(name) !== text).map(([name]) => name);
    };
    const on = (operation: OperationMatch): AuthorizationRule => ({ sources: [], operations: [operation] });
    const sql = ["3306/mutual-tls", "3306/tls", "3306/plaintext"];
    const other = ["other/mutual-tls", "other/tls", "other/plaintext"];
    expect(changed(on({ ports: { any: [3306] } }))).toEqual(sql);
    // The application's own TLS on an HTTP port hides its requests, so that what can be judged of it is the connection.
    expect(changed(on({ ports: { any: [8080] }, methods: { any: [{ type: "exact", value: "GET" }] } }))).toEqual([
      "8080/tls",
    ]);
    expect(changed(on({ ports: { none: [3306] } }))).toEqual(["8080/tls", ...other]);
    expect(changed(on({ ports: { any: [9] } }))).toEqual(other);
    const condition = { operation: { ports: { any: [3306] } } };
    expect(changed({ sources: [], operations: [{ ports: { none: [9] } }], conditions: [condition] })).toEqual(sql);
    expect(changed({ sources: [], operations: [{ ports: { any: [9] } }], conditions: [condition] })).toEqual([]);
    expect(changed({ sources: [], operations: [] })).toEqual([...sql, "8080/tls", ...other]);
    expect(changed()).toEqual([]);
    // A rule keeps its number, which logs name.
    const numbered = listenerOf(
      workloadClass({ deny: [meshPolicy("shop/p", [on({ ports: { any: [9] } }), on({ ports: { any: [3306] } })])] }),
    ).filter_chains.find(({ name }) => name === "3306/plaintext");
    expect(JSON.stringify(numbered)).toContain('"shop/p/1"');
    expect(JSON.stringify(numbered)).not.toContain('"shop/p/0"');
  });
});

test("the wait for a caller's first bytes is the same in every mode, so that a change of mode touches chains only", () => {
  fc.assert(
    fc.property(anyWorkload, (workload) => {
      const { listener_filters: filters, ...listener } = listenerOf(workload);
      expect(listener).toMatchObject({
        listener_filters_timeout: "1s",
        continue_on_listener_filters_timeout: true,
      });
      expect(filters).toEqual(listenerOf(workloadClass())["listener_filters"]);
    }),
    { numRuns: 30 },
  );
});

describe("where callers have no certificate, an ALLOW has no rule that demands one", () => {
  const network: SourceMatch = { ipBlocks: { any: [{ address: "10.0.0.0", prefixLength: 8 }] } };
  const account: SourceMatch = { serviceAccounts: { any: [{ namespace: "shop", name: "a" }] } };
  const negated: SourceMatch = { namespaces: { none: [{ type: "exact", value: "b" }] } };
  const port: OperationMatch = { ports: { any: [3306] } };
  const from = (...sources: SourceMatch[]): AuthorizationRule => ({ sources, operations: [port] });
  const rules: readonly AuthorizationRule[] = [
    from(account),
    from(negated),
    from({ ...network, principals: { any: [{ type: "present" }] } }),
    { sources: [network], operations: [port], conditions: [{ source: account }] },
    { sources: [], operations: [port], conditions: [{ source: negated }] },
    from(account, network, negated),
    from(),
    { sources: [], operations: [port], conditions: [{ source: network }] },
  ];
  const policies = [meshPolicy("shop/p", rules)];
  /** The rules of a chain's filter, each with its number of sources. */
  const rulesIn = (workload: WorkloadClass, chainName: string, filterName: string): unknown => {
    const chain = listenerOf(workload).filter_chains.find(({ name }) => name === chainName);
    const filter = chain?.filters.find(({ name }) => name === filterName) as
      | { readonly typed_config: { readonly rules: { readonly policies?: Record<string, { principals: object[] }> } } }
      | undefined;
    if (filter === undefined) return undefined;
    const found = Object.entries(filter.typed_config.rules.policies ?? {});
    return Object.fromEntries(found.map(([name, { principals }]) => [name, principals.length]));
  };
  const all = Object.fromEntries(rules.map((_, index) => [`shop/p/${index}`, index === 5 ? 3 : 1]));
  const unidentified = { "shop/p/5": 1, "shop/p/6": 1, "shop/p/7": 1 };

  test("nor a source of a rule that has others", () => {
    const workload = workloadClass({ allow: policies });
    expect(rulesIn(workload, "3306/mutual-tls", "authorization-tcp-allow")).toEqual(all);
    expect(rulesIn(workload, "3306/tls", "authorization-tcp-allow")).toEqual(unidentified);
    expect(rulesIn(workload, "3306/plaintext", "authorization-tcp-allow")).toEqual(unidentified);
    const plaintext = listenerOf(workload).filter_chains.find(({ name }) => name === "3306/plaintext");
    expect(JSON.stringify(plaintext)).toContain("10.0.0.0");
    expect(JSON.stringify(plaintext)).not.toContain("spiffe://");
  });

  test("and without any rule it still denies", () => {
    const workload = workloadClass({ allow: [meshPolicy("shop/p", [from(account)])] });
    expect(rulesIn(workload, "3306/plaintext", "authorization-tcp-allow")).toEqual({});
    const proxies = listenerOf(workload).filter_chains.filter(({ name }) => name === "3306/plaintext");
    expect(ofMessage(proxies, "TcpProxy").map((proxy) => proxy["upstream_connect_mode"])).toEqual([
      "ON_DOWNSTREAM_DATA",
    ]);
  });

  test("while a DENY has them all: a negation fits who is not known", () => {
    const workload = workloadClass({ deny: policies });
    for (const chain of ["mutual-tls", "tls", "plaintext"])
      expect(rulesIn(workload, `3306/${chain}`, "authorization-tcp-deny")).toEqual(all);
  });

  test("so that many callers of many ports fit into a record", () => {
    const accounts = Array.from({ length: 64 }, (_, index) => ({ namespace: "payments", name: `caller-${index}` }));
    const ports = Array.from(
      { length: 10 },
      (_, index) => ({ port: 9000 + index, protocol: "tcp", mode: "Permissive" }) as const,
    );
    const allow = [meshPolicy("shop/p", [meshRule({ serviceAccounts: { any: accounts } })])];
    const workload = workloadClass({ ports, allow, families: { ipv4: true, ipv6: true } });
    expect(Buffer.byteLength(render(classResources(workload)))).toBeLessThan(recordLimit / 3);
  });
});

describe("address families", () => {
  const addresses = (ipv4: boolean, ipv6: boolean): unknown[] =>
    [
      ...classResources(workloadClass({ families: { ipv4, ipv6 } })),
      ...commonResources({ ipv4, ipv6 }),
      readinessListener({ ipv4, ipv6 }),
    ]
      .filter(({ type }) => type === "listener")
      .map(({ name, config }) => [
        name,
        (config["address"] as { socket_address: { address: string } }).socket_address.address,
      ]);

  test("each have sockets of their own", () => {
    expect(addresses(true, false)).toEqual([
      ["inbound", "0.0.0.0"],
      ["outbound-capture", "0.0.0.0"],
      ["readiness", "0.0.0.0"],
    ]);
    expect(addresses(false, true)).toEqual([
      ["inbound", "::"],
      ["outbound-capture6", "::"],
      ["readiness", "::"],
    ]);
    expect(addresses(true, true)).toEqual([
      ["inbound", "0.0.0.0"],
      ["outbound-capture", "0.0.0.0"],
      ["outbound-capture6", "::"],
      ["readiness", "0.0.0.0"],
    ]);
    const beside = (port: number) => ({
      additional_addresses: [{ address: { socket_address: { address: "::", port_value: port } } }],
    });
    expect(readinessListener({ ipv4: true, ipv6: true }).config).toMatchObject(beside(15020));
    expect(listenerOf(workloadClass({ families: { ipv4: true, ipv6: true } }))).toMatchObject(beside(15006));
  });

  test("choose the source addresses of the inbound side", () => {
    const bind = (ipv4: boolean, ipv6: boolean) =>
      commonResources({ ipv4, ipv6 }).find(({ name }) => name === "inbound")?.config["upstream_bind_config"];
    expect(bind(true, false)).toEqual({ source_address: { address: "127.0.0.6", port_value: 0 } });
    expect(bind(false, true)).toEqual({ source_address: { address: "::6", port_value: 0 } });
    expect(bind(true, true)).toEqual({
      source_address: { address: "127.0.0.6", port_value: 0 },
      extra_source_addresses: [{ address: { address: "::6", port_value: 0 } }],
    });
  });
});

describe("a port whose server speaks first", () => {
  const on = (source: SourceMatch, operation: OperationMatch = {}): AuthorizationRule => meshRule(source, operation);
  const accounts = (...names: string[]): SourceMatch => {
    return { serviceAccounts: { any: names.map((name) => ({ namespace: "shop", name })) } };
  };
  const chainsOf = (parts: Partial<WorkloadClass>) => {
    const port = { port: 3306, protocol: "tcp", mode: "Permissive", serverFirst: true } as const;
    const { filter_chains: chains } = listenerOf(workloadClass({ ports: [port], ...parts }));
    return chains.filter(({ name }) => name.startsWith("3306/"));
  };
  /** The names that its handshake takes; a name of its chain where it is not the only one. */
  const callersOf = (parts: Partial<WorkloadClass>): unknown[] =>
    chainsOf(parts).flatMap((chain) =>
      chain.name === "3306/mutual-tls"
        ? ofMessage(chain, "DownstreamTlsContext").flatMap((context) => {
            const text = JSON.stringify(context);
            return [...text.matchAll(/"(?:exact|prefix)":"([^"]+)"/g)].map(([, name]) => name);
          })
        : [chain.name],
    );
  const allow = (...rules: AuthorizationRule[]) => [meshPolicy("shop/p", rules)];
  const nobody = ["spiffe://heddle.invalid/no-identity"];

  test("is served as any other where no policy applies", () => {
    const open = ["spiffe://cluster.local/", "3306/tls", "3306/plaintext"];
    expect(callersOf({})).toEqual(open);
    expect(callersOf({ deny: allow(on({}, { ports: { any: [9] } })) })).toEqual(open);
  });

  test("takes the exact identities of every ALLOW that can match it, in the handshake alone", () => {
    const principals: SourceMatch = { principals: { any: [{ type: "exact", value: "other/ns/a/sa/b" }] } };
    const rules = [
      on(accounts("b", "a"), { ports: { any: [3306] } }),
      on(principals),
      on(accounts("elsewhere"), { ports: { none: [3306] } }),
      on(accounts("http"), { methods: { any: [{ type: "exact", value: "GET" }] } }),
    ];
    const expected = [identityOf("shop", "a"), identityOf("shop", "b"), "spiffe://other/ns/a/sa/b"];
    expect(callersOf({ allow: allow(...rules) })).toEqual(expected);
    const proxies = ofMessage(chainsOf({ allow: allow(...rules) }), "TcpProxy");
    expect(proxies.map((proxy) => proxy["upstream_connect_mode"])).toEqual(["ON_DOWNSTREAM_TLS_HANDSHAKE"]);
  });

  test.each<[string, Partial<WorkloadClass>]>([
    ["an ALLOW without rules", { allow: [] }],
    ["any DENY", { deny: allow(on(accounts("a"))), allow: allow(on(accounts("b"))) }],
    ["an ALLOW for anyone", { allow: allow({ sources: [], operations: [] }) }],
    ["an ALLOW by namespace", { allow: allow(on(accounts("a")), on({ namespaces: { any: [{ type: "present" }] } })) }],
    ["an ALLOW by address", { allow: allow(on({ ...accounts("a"), ipBlocks: { any: [] } })) }],
    ["an ALLOW by prefix", { allow: allow(on({ principals: { any: [{ type: "prefix", value: "x" }] } })) }],
    ["an ALLOW with an exception", { allow: allow(on({ serviceAccounts: { none: [] } })) }],
    ["an ALLOW of two fields", { allow: allow(on({ ...accounts("a"), principals: { any: [] } })) }],
    ["an ALLOW by server name", { allow: allow(on(accounts("a"), { serverNames: { any: [{ type: "present" }] } })) }],
    ["a condition on the caller", { allow: allow({ ...on(accounts("a")), conditions: [{ source: accounts("b") }] }) }],
  ])("is closed by %s", (_, parts) => {
    expect(callersOf(parts)).toEqual(nobody);
  });
});

// Generated from deploy/crds/crd-clusterissuers.yaml of the Go module github.com/cert-manager/cert-manager by tools/generate.ts. Do not edit.
import type {ObjectMeta} from "../../kubernetes.ts";

export interface ClusterIssuer {
  readonly apiVersion: "cert-manager.io/v1";
  readonly kind: "ClusterIssuer";
  /**
   * The object's metadata.
   */
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly acme?: {
      readonly caBundle?: string;
      readonly disableAccountKeyGeneration?: boolean;
      readonly email?: string;
      readonly enableDurationFeature?: boolean;
      readonly externalAccountBinding?: {
        readonly keyAlgorithm?: "HS256" | "HS384" | "HS512";
        readonly keyID: string;
        readonly keySecretRef: {
          readonly key?: string;
          readonly name: string;
        };
      };
      readonly preferredChain?: string;
      readonly privateKeySecretRef: {
        readonly key?: string;
        readonly name: string;
      };
      readonly server: string;
      readonly skipTLSVerify?: boolean;
      readonly solvers?: {
        dns01?: {
          readonly acmeDNS?: {
            readonly accountSecretRef: {
              readonly key?: string;
              readonly name: string;
            };
            readonly host: string;
          };
          readonly akamai?: {
            readonly accessTokenSecretRef: {
              readonly key?: string;
              readonly name: string;
            };
            readonly clientSecretSecretRef: {
              readonly key?: string;
              readonly name: string;
            };
            readonly clientTokenSecretRef: {
              readonly key?: string;
              readonly name: string;
            };
            readonly serviceConsumerDomain: string;
          };
          readonly azureDNS?: {
            readonly clientID?: string;
            readonly clientSecretSecretRef?: {
              readonly key?: string;
              readonly name: string;
            };
            readonly environment?: "AzurePublicCloud" | "AzureChinaCloud" | "AzureGermanCloud" | "AzureUSGovernmentCloud";
            readonly hostedZoneName?: string;
            readonly managedIdentity?: {
              readonly clientID?: string;
              readonly resourceID?: string;
            };
            readonly resourceGroupName: string;
            readonly subscriptionID: string;
            readonly tenantID?: string;
          };
          readonly cloudDNS?: {
            readonly hostedZoneName?: string;
            readonly project: string;
            readonly serviceAccountSecretRef?: {
              readonly key?: string;
              readonly name: string;
            };
          };
          readonly cloudflare?: {
            readonly apiKeySecretRef?: {
              readonly key?: string;
              readonly name: string;
            };
            readonly apiTokenSecretRef?: {
              readonly key?: string;
              readonly name: string;
            };
            readonly email?: string;
          };
          readonly cnameStrategy?: "None" | "Follow";
          readonly digitalocean?: {
            readonly tokenSecretRef: {
              readonly key?: string;
              readonly name: string;
            };
          };
          rfc2136?: {
            readonly nameserver: string;
            readonly tsigAlgorithm?: string;
            readonly tsigKeyName?: string;
            readonly tsigSecretSecretRef?: {
              readonly key?: string;
              readonly name: string;
            };
          };
          route53?: {
            readonly accessKeyID?: string;
            readonly accessKeyIDSecretRef?: {
              readonly key?: string;
              readonly name: string;
            };
            readonly hostedZoneID?: string;
            readonly region: string;
            readonly role?: string;
            readonly secretAccessKeySecretRef?: {
              readonly key?: string;
              readonly name: string;
            };
          };
          readonly webhook?: {
            readonly config?: unknown;
            readonly groupName: string;
            readonly solverName: string;
          };
        };
        http01?: {
          readonly gatewayHTTPRoute?: {
            readonly labels?: {
              readonly [k: string]: string;
            };
            readonly parentRefs?: {
              readonly group?: string;
              readonly kind?: string;
              readonly name: string;
              readonly namespace?: string;
              readonly port?: number;
              readonly sectionName?: string;
            }[];
            readonly serviceType?: string;
          };
          readonly ingress?: {
            readonly class?: string;
            readonly ingressTemplate?: {
              readonly metadata?: {
                readonly annotations?: {
                  readonly [k: string]: string;
                };
                readonly labels?: {
                  readonly [k: string]: string;
                };
              };
            };
            readonly name?: string;
            readonly podTemplate?: {
              readonly metadata?: {
                readonly annotations?: {
                  readonly [k: string]: string;
                };
                readonly labels?: {
                  readonly [k: string]: string;
                };
              };
              readonly spec?: {
                readonly affinity?: {
                  readonly nodeAffinity?: {
                    readonly preferredDuringSchedulingIgnoredDuringExecution?: {
                      readonly preference: {
                        readonly matchExpressions?: {
                          readonly key: string;
                          readonly operator: string;
                          readonly values?: readonly string[];
                        }[];
                        readonly matchFields?: {
                          readonly key: string;
                          readonly operator: string;
                          readonly values?: readonly string[];
                        }[];
                      };
                      readonly weight: number;
                    }[];
                    readonly requiredDuringSchedulingIgnoredDuringExecution?: {
                      readonly nodeSelectorTerms: {
                        readonly matchExpressions?: {
                          readonly key: string;
                          readonly operator: string;
                          readonly values?: readonly string[];
                        }[];
                        readonly matchFields?: {
                          readonly key: string;
                          readonly operator: string;
                          readonly values?: readonly string[];
                        }[];
                      }[];
                    };
                  };
                  readonly podAffinity?: {
                    readonly preferredDuringSchedulingIgnoredDuringExecution?: {
                      readonly podAffinityTerm: {
                        readonly labelSelector?: {
                          readonly matchExpressions?: {
                            readonly key: string;
                            readonly operator: string;
                            readonly values?: readonly string[];
                          }[];
                          readonly matchLabels?: {
                            readonly [k: string]: string;
                          };
                        };
                        readonly namespaceSelector?: {
                          readonly matchExpressions?: {
                            readonly key: string;
                            readonly operator: string;
                            readonly values?: readonly string[];
                          }[];
                          readonly matchLabels?: {
                            readonly [k: string]: string;
                          };
                        };
                        readonly namespaces?: readonly string[];
                        readonly topologyKey: string;
                      };
                      readonly weight: number;
                    }[];
                    readonly requiredDuringSchedulingIgnoredDuringExecution?: {
                      readonly labelSelector?: {
                        readonly matchExpressions?: {
                          readonly key: string;
                          readonly operator: string;
                          readonly values?: readonly string[];
                        }[];
                        readonly matchLabels?: {
                          readonly [k: string]: string;
                        };
                      };
                      readonly namespaceSelector?: {
                        readonly matchExpressions?: {
                          readonly key: string;
                          readonly operator: string;
                          readonly values?: readonly string[];
                        }[];
                        readonly matchLabels?: {
                          readonly [k: string]: string;
                        };
                      };
                      readonly namespaces?: readonly string[];
                      readonly topologyKey: string;
                    }[];
                  };
                  readonly podAntiAffinity?: {
                    readonly preferredDuringSchedulingIgnoredDuringExecution?: {
                      readonly podAffinityTerm: {
                        readonly labelSelector?: {
                          readonly matchExpressions?: {
                            readonly key: string;
                            readonly operator: string;
                            readonly values?: readonly string[];
                          }[];
                          readonly matchLabels?: {
                            readonly [k: string]: string;
                          };
                        };
                        readonly namespaceSelector?: {
                          readonly matchExpressions?: {
                            readonly key: string;
                            readonly operator: string;
                            readonly values?: readonly string[];
                          }[];
                          readonly matchLabels?: {
                            readonly [k: string]: string;
                          };
                        };
                        readonly namespaces?: readonly string[];
                        readonly topologyKey: string;
                      };
                      readonly weight: number;
                    }[];
                    readonly requiredDuringSchedulingIgnoredDuringExecution?: {
                      readonly labelSelector?: {
                        readonly matchExpressions?: {
                          readonly key: string;
                          readonly operator: string;
                          readonly values?: readonly string[];
                        }[];
                        readonly matchLabels?: {
                          readonly [k: string]: string;
                        };
                      };
                      readonly namespaceSelector?: {
                        readonly matchExpressions?: {
                          readonly key: string;
                          readonly operator: string;
                          readonly values?: readonly string[];
                        }[];
                        readonly matchLabels?: {
                          readonly [k: string]: string;
                        };
                      };
                      readonly namespaces?: readonly string[];
                      readonly topologyKey: string;
                    }[];
                  };
                };
                readonly nodeSelector?: {
                  readonly [k: string]: string;
                };
                readonly priorityClassName?: string;
                readonly serviceAccountName?: string;
                readonly tolerations?: {
                  readonly effect?: string;
                  readonly key?: string;
                  readonly operator?: string;
                  readonly tolerationSeconds?: number;
                  readonly value?: string;
                }[];
              };
            };
            readonly serviceType?: string;
          };
        };
        readonly selector?: {
          readonly dnsNames?: readonly string[];
          readonly dnsZones?: readonly string[];
          readonly matchLabels?: {
            readonly [k: string]: string;
          };
        };
      }[];
    };
    readonly ca?: {
      readonly crlDistributionPoints?: readonly string[];
      readonly ocspServers?: readonly string[];
      readonly secretName: string;
    };
    readonly selfSigned?: {
      readonly crlDistributionPoints?: readonly string[];
    };
    readonly vault?: {
      readonly auth: {
        readonly appRole?: {
          readonly path: string;
          readonly roleId: string;
          readonly secretRef: {
            readonly key?: string;
            readonly name: string;
          };
        };
        readonly kubernetes?: {
          readonly mountPath?: string;
          readonly role: string;
          readonly secretRef: {
            readonly key?: string;
            readonly name: string;
          };
        };
        readonly tokenSecretRef?: {
          readonly key?: string;
          readonly name: string;
        };
      };
      readonly caBundle?: string;
      readonly caBundleSecretRef?: {
        readonly key?: string;
        readonly name: string;
      };
      readonly namespace?: string;
      readonly path: string;
      readonly server: string;
    };
    readonly venafi?: {
      readonly cloud?: {
        readonly apiTokenSecretRef: {
          readonly key?: string;
          readonly name: string;
        };
        readonly url?: string;
      };
      readonly tpp?: {
        readonly caBundle?: string;
        readonly credentialsRef: {
          readonly name: string;
        };
        readonly url: string;
      };
      readonly zone: string;
    };
  };
  readonly status?: {
    readonly acme?: {
      readonly lastRegisteredEmail?: string;
      readonly uri?: string;
    };
    readonly conditions?: {
      readonly lastTransitionTime?: string;
      readonly message?: string;
      readonly observedGeneration?: number;
      readonly reason?: string;
      readonly status: "True" | "False" | "Unknown";
      readonly type: string;
    }[];
  };
}

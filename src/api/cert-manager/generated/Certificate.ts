// Generated from deploy/crds/crd-certificates.yaml of the Go module github.com/cert-manager/cert-manager by tools/generate.ts. Do not edit.
import type {ObjectMeta} from "../../kubernetes.ts";

export interface Certificate {
  readonly apiVersion: "cert-manager.io/v1";
  readonly kind: "Certificate";
  /**
   * The object's metadata.
   */
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly additionalOutputFormats?: {
      readonly type: "DER" | "CombinedPEM";
    }[];
    readonly commonName?: string;
    readonly dnsNames?: readonly string[];
    readonly duration?: string;
    readonly emailAddresses?: readonly string[];
    readonly encodeUsagesInRequest?: boolean;
    readonly ipAddresses?: readonly string[];
    readonly isCA?: boolean;
    readonly issuerRef: {
      readonly group?: string;
      readonly kind?: string;
      readonly name: string;
    };
    readonly keystores?: {
      readonly jks?: {
        readonly create: boolean;
        readonly passwordSecretRef: {
          readonly key?: string;
          readonly name: string;
        };
      };
      pkcs12?: {
        readonly create: boolean;
        readonly passwordSecretRef: {
          readonly key?: string;
          readonly name: string;
        };
      };
    };
    readonly literalSubject?: string;
    readonly privateKey?: {
      readonly algorithm?: "RSA" | "ECDSA" | "Ed25519";
      readonly encoding?: "PKCS1" | "PKCS8";
      readonly rotationPolicy?: "Never" | "Always";
      readonly size?: number;
    };
    readonly renewBefore?: string;
    readonly revisionHistoryLimit?: number;
    readonly secretName: string;
    readonly secretTemplate?: {
      readonly annotations?: {
        readonly [k: string]: string;
      };
      readonly labels?: {
        readonly [k: string]: string;
      };
    };
    readonly subject?: {
      readonly countries?: readonly string[];
      readonly localities?: readonly string[];
      readonly organizationalUnits?: readonly string[];
      readonly organizations?: readonly string[];
      readonly postalCodes?: readonly string[];
      readonly provinces?: readonly string[];
      readonly serialNumber?: string;
      readonly streetAddresses?: readonly string[];
    };
    readonly uris?: readonly string[];
    readonly usages?: (
      | "signing"
      | "digital signature"
      | "content commitment"
      | "key encipherment"
      | "key agreement"
      | "data encipherment"
      | "cert sign"
      | "crl sign"
      | "encipher only"
      | "decipher only"
      | "any"
      | "server auth"
      | "client auth"
      | "code signing"
      | "email protection"
      | "s/mime"
      | "ipsec end system"
      | "ipsec tunnel"
      | "ipsec user"
      | "timestamping"
      | "ocsp signing"
      | "microsoft sgc"
      | "netscape sgc"
    )[];
  };
  readonly status?: {
    readonly conditions?: {
      readonly lastTransitionTime?: string;
      readonly message?: string;
      readonly observedGeneration?: number;
      readonly reason?: string;
      readonly status: "True" | "False" | "Unknown";
      readonly type: string;
    }[];
    readonly failedIssuanceAttempts?: number;
    readonly lastFailureTime?: string;
    readonly nextPrivateKeySecretName?: string;
    readonly notAfter?: string;
    readonly notBefore?: string;
    readonly renewalTime?: string;
    readonly revision?: number;
  };
}

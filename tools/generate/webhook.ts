import { exemptionsOf, injected } from "../../src/model/exemptions.ts";
import { ephemeralPath, injectionPaths } from "../../src/webhook/handler.ts";
import { namespaceConditions, policyConditions, warningsPaths } from "../../src/webhook/warn.ts";

/** A webhook configuration with the match conditions that the sources give; all else stays as it is. */
export function withMatchConditions(text: string): string {
  const [head = "", ...webhooks] = text.split(/^(?= {2}- name: )/m);
  return head + webhooks.map(withItsConditions).join("");
}

/**
 * The admission policies with the exemptions that the sources give: those that count everywhere are match conditions;
 * whether a pod opted out is a variable, since match conditions do not know the namespace's labels.
 */
export function withExemptions(text: string): string {
  const conditions = exemptionsOf({ enforced: true })
    .map(({ name, expression }) => `    - name: ${name}\n      expression: ${JSON.stringify(expression)}\n`)
    .join("");
  const everywhere = new Set(exemptionsOf({ enforced: true }));
  const others = exemptionsOf({ enforced: false }).filter((exemption) => !everywhere.has(exemption));
  const kept = others.map(({ expression }) => `(${expression})`).join(" && ");
  const optedOut = `!variables.enforced && !(${kept})`;
  return text
    .replace(
      /^( {2}matchConditions:\n)(?: {4}.*\n)*(?= {2}variables:\n {4}- name: enforced)/m,
      (_, field: string) => field + conditions,
    )
    .replace(/^( {4}- name: optedOut\n {6}expression: ).*$/m, (_, field: string) => field + JSON.stringify(optedOut));
}

function withItsConditions(webhook: string): string {
  const asks = (path: string): boolean => webhook.includes(`path: ${path},`);
  const conditions = conditionsOf(asks)
    .map(({ name, expression }) => `      - name: ${name}\n        expression: ${JSON.stringify(expression)}\n`)
    .join("");
  // From the field's name to the next field.
  return webhook.replace(/^( {4}matchConditions:\n)(?: {6}.*\n)*/m, (_, field: string) => field + conditions);
}

function conditionsOf(
  asks: (path: string) => boolean,
): readonly { readonly name: string; readonly expression: string }[] {
  if (asks(ephemeralPath)) return [injected];
  if (asks(warningsPaths.policies)) return policyConditions;
  if (asks(warningsPaths.namespaces)) return namespaceConditions;
  return exemptionsOf({ enforced: asks(injectionPaths.enforced) });
}

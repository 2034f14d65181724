import { exemptionsOf, injected } from "../../src/webhook/exemptions.ts";
import { ephemeralPath, injectionPaths } from "../../src/webhook/handler.ts";
import { namespaceConditions, policyConditions, warningsPaths } from "../../src/webhook/warn.ts";

/** A webhook configuration with the match conditions that the sources give; all else stays as it is. */
export function withMatchConditions(text: string): string {
  const [head = "", ...webhooks] = text.split(/^(?= {2}- name: )/m);
  return head + webhooks.map(withItsConditions).join("");
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

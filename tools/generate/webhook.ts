import { exemptionsOf, injected } from "../../src/webhook/exemptions.ts";
import { ephemeralPath, injectionPaths } from "../../src/webhook/handler.ts";

/** The webhook configuration with the match conditions that the exemptions give; all else stays as it is. */
export function withMatchConditions(text: string): string {
  const [head = "", ...webhooks] = text.split(/^(?= {2}- name: )/m);
  return head + webhooks.map(withItsConditions).join("");
}

function withItsConditions(webhook: string): string {
  const asks = (path: string): boolean => webhook.includes(`path: ${path},`);
  const list = asks(ephemeralPath) ? [injected] : exemptionsOf({ enforced: asks(injectionPaths.enforced) });
  const conditions = list
    .map(({ name, expression }) => `      - name: ${name}\n        expression: ${JSON.stringify(expression)}\n`)
    .join("");
  // From the field's name to the next field.
  return webhook.replace(/^( {4}matchConditions:\n)(?: {6}.*\n)*/m, (_, field: string) => field + conditions);
}

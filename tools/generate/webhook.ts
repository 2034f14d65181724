import { exemptionsOf } from "../../src/webhook/exemptions.ts";
import { injectionPaths } from "../../src/webhook/handler.ts";

/** The webhook configuration with the match conditions that the exemptions give; all else stays as it is. */
export function withMatchConditions(text: string): string {
  const [head = "", ...webhooks] = text.split(/^(?= {2}- name: )/m);
  return head + webhooks.map(withItsConditions).join("");
}

function withItsConditions(webhook: string): string {
  const enforced = webhook.includes(`path: ${injectionPaths.enforced},`);
  const conditions = exemptionsOf({ enforced })
    .map(({ name, expression }) => `      - name: ${name}\n        expression: ${JSON.stringify(expression)}\n`)
    .join("");
  // From the field's name to the next field.
  return webhook.replace(/^( {4}matchConditions:\n)(?: {6}.*\n)*/m, (_, field: string) => field + conditions);
}

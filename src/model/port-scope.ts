import type { AuthorizationRule, OperationMatch } from "./mesh.ts";

/** A container port, or all that the given ones leave. */
export type PortScope = number | { readonly otherThan: ReadonlySet<number> };

/** Operations that a rule's conditions demand, besides one of its own. */
export const demandedOperations = ({ conditions = [] }: Pick<AuthorizationRule, "conditions">): OperationMatch[] =>
  conditions.flatMap((condition) => ("operation" in condition ? [condition.operation] : []));

/** Whether a rule can match a call to some port of the scope. */
export function concernsScope(rule: AuthorizationRule, scope: PortScope): boolean {
  const { operations } = rule;
  return (
    demandedOperations(rule).every((operation) => isInScope(operation, scope)) &&
    (operations.length === 0 || operations.some((operation) => isInScope(operation, scope)))
  );
}

/** Whether the demand of an operation on the port, if any, can hold for some port of the scope. */
export function isInScope({ ports: { any, none = [] } = {} }: OperationMatch, scope: PortScope): boolean {
  if (typeof scope === "number") return any?.includes(scope) !== false && !none.includes(scope);
  return any === undefined || any.some((port) => !scope.otherThan.has(port));
}

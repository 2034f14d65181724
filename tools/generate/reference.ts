import type { CustomResource } from "./custom-resources.ts";
export function referencePage(resource: CustomResource): string {
  return `# ${resource.kind}\n`;
}

/** What comes last, in this order: uninstalling takes the operator's rights away while it ends, and it is refused then. */
import "./permissions.ts";
import "./uninstall.ts";

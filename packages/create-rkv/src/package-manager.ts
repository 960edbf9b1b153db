/** The package manager that the user has called us with, and what is typed with it. */

export const packageManagers = ['npm', 'pnpm', 'yarn', 'bun'] as const;
export type PackageManager = (typeof packageManagers)[number];

/** As each of them says in the environment; npm where none does. */
export function callerOf(env: Readonly<Record<string, string | undefined>>): PackageManager {
  const name = env['npm_config_user_agent']?.split('/')[0];
  return packageManagers.find((each) => each === name) ?? 'npm';
}

/** The lines to type next; the first is left out when one is there already. */
export function nextCommands(folder: string, pm: PackageManager, isInstalled: boolean): string[] {
  return [
    ...(folder === '' ? [] : [`cd ${/^[\w@./-]+$/.test(folder) ? folder : JSON.stringify(folder)}`]),
    ...(isInstalled ? [] : [`${pm} install`]),
    `${pm} test`,
    `${pm} start`,
  ];
}

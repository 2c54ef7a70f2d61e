/** Where data wait that take the place of a database's own at its next start; the `start.sh` of MySQL and MariaDB knows it as well. */
export const restoredBeside = (dataFolder: string): string => `${dataFolder}.restored`;

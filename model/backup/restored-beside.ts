/** Where data wait that take the place of a database's own at its next start; the `start.sh` of MySQL and MariaDB knows it as well. */
export const restoredBeside = (dataFolder: string): string => `${dataFolder}.restored`;
/** Where the copy of a cache waits, in the folder of its data, that takes their place at the next start of its node in a cluster. */
export const restoredFile = (dataFolder: string): string => `${dataFolder}/restored.rdb`;

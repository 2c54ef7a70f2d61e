/** Where a server of Valkey or Redis that appends to files keeps them. */
export const appendOnlyFolder = 'appendonlydir';

/**
 * Shell: makes such a folder, in which a copy is all there is. A server that appends ignores `dump.rdb`: it reads what its manifest names, so the copy is the base
 * of one.
 *
 * @param rdb - Stays where it is; on the same disk.
 * @param folder - Not there yet.
 */
export const beginAppendOnly = (rdb: string, folder: string): readonly string[] => [
  `mkdir "${folder}"`,
  `ln "${rdb}" "${folder}/appendonly.aof.1.base.rdb"`,
  `: >"${folder}/appendonly.aof.1.incr.aof"`,
  `printf 'file appendonly.aof.1.base.rdb seq 1 type b\\nfile appendonly.aof.1.incr.aof seq 1 type i\\n' >"${folder}/appendonly.aof.manifest"`,
];

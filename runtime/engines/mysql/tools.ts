import type { FactLimits } from '../table-facts.ts';
import type { EngineTools } from '../tools.ts';
import type { ScratchTools } from '../scratch-place.ts';
import type { MysqlAccess } from './access.ts';
import type { Dialect } from './dialect.ts';
import type { DataFolders } from '../../ports/data-folders.ts';

export interface MysqlTools extends EngineTools<MysqlAccess> {
  readonly dialect: Dialect;
}

/** What a server is cloned with, and what was cloned is restored with. */
export interface CloneTools extends ScratchTools {
  readonly dataFolders: DataFolders;
}

export interface ProducerTools extends MysqlTools {
  readonly limits: FactLimits;
  readonly clones: CloneTools;
}

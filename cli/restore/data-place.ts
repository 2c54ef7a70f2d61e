import { mongodb } from '../../model/engines/mongodb.ts';
import { mysqlFamily } from '../../model/engines/mysql-family.ts';
import { postgres } from '../../model/engines/postgres.ts';
import { sqlserver } from '../../model/engines/sqlserver.ts';

/** How the data of an engine lie in its volume. */
export interface DataPlace {
  readonly folder: string;
  /**
   * Shell: makes the data and a folder beside them change places, without a moment in which a start would find none and make new ones. When it fails, both
   * are where they were.
   *
   * @param volume - Where it is mounted.
   */
  readonly exchange: (volume: string, beside: string) => string;
  /** What an exchange that was cut off may have left beside the data. */
  readonly waiting?: string;
}

const nameIn = (volume: string, path: string): string => path.slice(volume.length + 1);

interface Folders {
  readonly volumeFolder: string;
  readonly dataFolder: string;
  readonly restoredFolder: string;
}

/** Images without a program for the one call. So what is to be the data waits under a name that `start.sh` takes for them where there are none. */
function byThreeRenames({ volumeFolder, dataFolder, restoredFolder }: Folders): DataPlace {
  const [data, waiting] = [nameIn(volumeFolder, dataFolder), nameIn(volumeFolder, restoredFolder)];
  return {
    folder: data,
    waiting,
    exchange: (volume, beside) => {
      const [there, here, between] = [`${volume}/${beside}`, `${volume}/${data}`, `${volume}/${waiting}`];
      return [
        `{ mv -T ${there} ${between}`,
        `{ mv -T ${here} ${there} || { mv -T ${between} ${there}; false; }; }`,
        `{ mv -T ${between} ${here} || { mv -T ${there} ${here} && mv -T ${between} ${there}; false; }; }; }`,
      ].join(' && ');
    },
  };
}

const places: Readonly<Record<string, DataPlace>> = {
  postgres: {
    folder: nameIn(postgres.volumeFolder, postgres.dataFolder),
    exchange: (volume, beside) =>
      `mv --exchange --no-copy -T ${volume}/${beside} ${volume}/${nameIn(postgres.volumeFolder, postgres.dataFolder)}`,
  },
  mysql: byThreeRenames(mysqlFamily),
  mariadb: byThreeRenames(mysqlFamily),
  mongodb: byThreeRenames(mongodb),
  sqlserver: byThreeRenames(sqlserver),
};

/** @param image - Key of images.yaml. */
export function dataPlaceOf(image: string): DataPlace {
  const place = places[image];
  if (place === undefined) throw new Error(`where the data of ${image} lie is not known`);
  return place;
}

import { connect } from 'node:net';
import type { OutsideState } from '../../model/host-state.ts';
import type { OutsidePlace } from '../../model/outside-place.ts';

const patience = 5000;

/** Whether somebody listens there; who it is, and whether a password is right, its clients find out. */
const ask = ({ name, host, port }: OutsidePlace): Promise<OutsideState> =>
  new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answers: boolean, detail: string): void => {
      socket.destroy();
      resolve({ name, answers, detail });
    };
    socket.setTimeout(patience, () => end(false, `no answer within ${patience / 1000} s`));
    socket.on('connect', () => end(true, ''));
    socket.on('error', (error: NodeJS.ErrnoException) => end(false, error.code ?? error.message));
  });

/** All of them at once. */
export const readOutside = (places: readonly OutsidePlace[]): Promise<readonly OutsideState[]> => Promise.all(places.map(ask));

import { expect, test } from 'vitest';
import { sha256Crypt } from '../../../generator/io/sha256-crypt.ts';

/** As crypt(3) of the GNU C library answers, which cuts a salt at 16 characters. */
test.each([
  { password: 'Hello world!', salt: 'saltstring', rounds: 5000, hash: '5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5' },
  { password: 'Hello world!', salt: 'saltstringsaltst', rounds: 10_000, hash: '3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA' },
  { password: 'This is just a test', salt: 'toolongsaltstrin', rounds: 5000, hash: 'Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5' },
  {
    password: 'a very much longer text to encrypt.  This one even stretches over morethan one line.',
    salt: 'anotherlongsalts',
    rounds: 1400,
    hash: 'Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1',
  },
  {
    password: 'we have a short salt string but not a short password',
    salt: 'short',
    rounds: 77_777,
    hash: 'JiO1O3ZpDAxGJeaDIuqCoEFysAe1mZNJRs3pw0KQRd/',
  },
  { password: 'x'.repeat(33), salt: 'ab', rounds: 1000, hash: 'JCooSwNM4idbaUAUPwI.eL4i/cyFWzXvlA52dn0EJr7' },
])('a password of $password.length characters and the salt $salt give $hash', ({ password, salt, rounds, hash }) => {
  expect(sha256Crypt(password, salt, rounds)).toBe(hash);
});

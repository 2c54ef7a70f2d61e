/*
 * Which certificate and which key a handshake is given. Each is read anew, so a renewed one serves from the next connection on, and the two always
 * belong together.
 */
import crypto from 'crypto';
import fs from 'fs';

const CERTIFICATE = '/etc/berth/tls/site.crt';

/** Where the certificate really lies: a cluster changes all files of a Secret at once by leading to another folder. */
function folder() {
  return fs.realpathSync(CERTIFICATE).replace(/\/[^/]*$/, '');
}

/** The certificate and those above it. One file, so it is the old one or the new one as a whole. */
function chain(r) {
  return fs.readFileSync(`${r.variables.berth_tls_folder}/site.crt`, 'utf8');
}

/**
 * The file of the key that belongs to {@link chain}, whatever has been put in its place since: on one host its name says for which certificate it is.
 * The key itself never is a value here, as nginx writes the values that it cannot use to its log.
 */
function key(r) {
  const digest = crypto.createHash('sha256').update(r.variables.berth_chain).digest('hex');
  const own = `${r.variables.berth_tls_folder}/site-${digest.slice(0, 16)}.key`;
  try {
    fs.accessSync(own, fs.constants.R_OK);
    return own;
  } catch (_) {
    return `${r.variables.berth_tls_folder}/site.key`;
  }
}

export default { chain, folder, key };

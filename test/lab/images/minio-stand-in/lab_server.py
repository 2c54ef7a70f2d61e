"""Ceph's monitor, one disk and the S3 gateway as a single server that keeps its data in one folder, with nginx in front of it.

Runs as any user without privileges. Everything durable lies in the folder, everything else in /tmp. A kill at any time loses no acknowledged write.
"""
import base64
import collections
import http.server
import json
import os
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
import uuid

import lab_s3

RUN = '/tmp/lab'
GATEWAY = 'http://127.0.0.1:9080'
ADMIN_ENTRY = 'rgw-admin-of-the-lab'
ROOT_UID = 'lab-root'
DISK_GIB = int(os.environ.get('LAB_S3_DISK_GIB', '8'))

CEPH_CONF = """
[global]
fsid = {fsid}
mon host = v2:127.0.0.1:3300
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
ms mon service mode = crc
ms mon cluster mode = crc
ms client mode = crc
ms service mode = crc
ms cluster mode = crc
run dir = {run}
admin socket = {run}/$name.asok
log file =
log to stderr = false
err to stderr = true
mon cluster log file =
mon cluster log to stderr = false

# one disk: one copy, one placement group a pool, no waiting for peers
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pg autoscale mode = off
osd pool default read lease ratio = 0.05
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data = {folder}/mon
mon data avail crit = 1
mon data avail warn = 2
paxos propose interval = 0.05
paxos min wait = 0.02

# small caches
mon osd cache size = 10
mon memory autotune = false
rocksdb cache size = 16777216

[osd]
osd data = {folder}/osd
osd objectstore = bluestore
crush location = root=default host=lab
bluestore block create = true
bluestore block size = {disk}
bluestore cache autotune = false
bluestore cache size = 67108864
bluestore rocksdb options = compression=kNoCompression,max_write_buffer_number=4,min_write_buffer_number_to_merge=1,recycle_log_file_num=2,write_buffer_size=8388608,max_background_compactions=2,max_total_wal_size=67108864
osd op num shards = 2
osd op num threads per shard = 1
osd mclock skip benchmark = true

[client]
rgw data = {run}
rgw frontends = beast endpoint=127.0.0.1:9080 request_timeout_ms=0
rgw enable apis = s3, admin, iam
rgw admin entry = {admin}
rgw relaxed region enforcement = true
# its cache tells other gateways of every change, and would wait for the one of before a restart to answer
rgw cache enabled = false
rgw thread pool size = 64
"""

NGINX_CONF = """
worker_processes 1;
daemon off;
pid {run}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_body_temp_path {run}/body;
  proxy_temp_path {run}/proxy;
  fastcgi_temp_path {run}/fastcgi;
  uwsgi_temp_path {run}/uwsgi;
  scgi_temp_path {run}/scgi;

  # requests and answers pass as they come: signed headers, any length, nothing kept on disk
  client_max_body_size 0;
  large_client_header_buffers 8 32k;
  underscores_in_headers on;
  ignore_invalid_headers off;
  proxy_http_version 1.1;
  proxy_request_buffering off;
  proxy_buffering off;
  proxy_read_timeout 600s;
  proxy_set_header Host $http_host;
  proxy_set_header Connection "";
  upstream gateway {{ server 127.0.0.1:9080; keepalive 32; }}
  upstream lab {{ server unix:{run}/lab.sock; }}

  server {{
    listen {address};
    location = /minio/health/live {{ return 200; }}
    location = /healthz {{ proxy_pass http://lab; }}
    location ^~ /minio/ {{ proxy_pass http://lab; }}
    location ^~ /{admin} {{ return 403; }}
    location / {{ proxy_pass http://gateway; }}
  }}
  {console}
}}
"""

# what MinIO knows without being told
CANNED = {
    'readwrite': [{'Effect': 'Allow', 'Action': ['s3:*'], 'Resource': ['arn:aws:s3:::*']}],
    'readonly': [{'Effect': 'Allow', 'Action': ['s3:GetBucketLocation', 's3:GetObject'], 'Resource': ['arn:aws:s3:::*']}],
    'writeonly': [{'Effect': 'Allow', 'Action': ['s3:PutObject'], 'Resource': ['arn:aws:s3:::*']}],
}
# actions that only MinIO has; the gateway would refuse a policy that names them
MINIO_ONLY = re.compile(r'^(admin|kms|sts):|^s3:(ForceDeleteObject|ListenNotification|ListenBucketNotification|Ping|ResetBucketReplicationState|Replicate.*)$')


def say(text):
    print(f'S3 (stand-in): {text}', file=sys.stderr, flush=True)


def fatal(text):
    sys.exit(f'FATAL {text}')


def secret_file(name, default):
    """A variable, or the contents of the file its _FILE twin names: a path, or a name under /run/secrets. As the original, an absent file counts for nothing."""
    path = os.path.join('/run/secrets', os.environ.get(f'{name}_FILE', ''))
    if os.path.isfile(path):
        with open(path, encoding='utf-8') as file:
            return file.read().strip()
    return os.environ.get(name) or default


class Daemon:
    """A child whose last words are kept, to be shown if it ends before it is asked to."""

    def __init__(self, name, argv):
        self.name, self.words = name, collections.deque(maxlen=40)
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, text=True, errors='replace')
        threading.Thread(target=lambda: self.words.extend(self.process.stdout), daemon=True).start()

    def stop(self, with_signal, seconds):
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Server:
    def __init__(self, folder, access, secret):
        self.folder, self.access, self.secret = os.path.join(folder, 'lab'), access, secret
        self.daemons = []
        self.identities = None

    def start(self, address, console, certificate, prepare=lambda: None):
        """@param certificate: the files of its chain and its key, or None. @param prepare: what is to be done before anybody is let in."""
        os.makedirs(RUN, exist_ok=True)
        if not os.path.exists(f'{self.folder}/complete'):
            self.format()
        self.configure()
        self.run('mon', 'ceph-mon', '-i', 'a', '-f')
        self.run('osd', 'ceph-osd', '-i', '0', '-f')
        self.until('the disk', lambda: admin_socket(f'{RUN}/osd.0.asok', 'status').get('state') == 'active')
        self.run('rgw', 'radosgw', '-n', 'client.rgw.a', '-f')  # only now: it would insist on the disk's address of last time
        self.until('the gateway', lambda: urllib.request.urlopen(GATEWAY, timeout=2).status == 200)
        self.root_account()
        self.identities = Identities(f'{self.folder}/identities.json', lab_s3.Client(GATEWAY, self.access, self.secret))
        prepare()
        serve(self)
        with open(f'{RUN}/nginx.conf', 'w', encoding='utf-8') as file:
            extra = f"server {{ listen {listen(console)}; location / {{ return 200 'no console in the stand-in\\n'; }} }}" if console else ''
            file.write(NGINX_CONF.format(run=RUN, address=listen(address) + by_tls(certificate), admin=ADMIN_ENTRY, console=extra))
        self.run('front', 'nginx', '-e', 'stderr', '-c', f'{RUN}/nginx.conf')
        say(f'S3 on {address}')

    def format(self):
        """Make the monitor's and the disk's folders. Begun again from nothing when it was cut short."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(f'{self.folder}/mon')
        os.makedirs(f'{self.folder}/osd')
        fsid, disk = str(uuid.uuid4()), str(uuid.uuid4())
        with open(f'{self.folder}/fsid', 'w', encoding='utf-8') as file:
            file.write(fsid)
        self.configure()
        self.once('monmaptool', '--create', '--clobber', '--addv', 'a', 'v2:127.0.0.1:3300', '--fsid', fsid, f'{RUN}/monmap')
        self.once('ceph-mon', '-i', 'a', '--mkfs', '--monmap', f'{RUN}/monmap')
        monitor = Daemon('mon', ['ceph-mon', '-i', 'a', '-f'])
        self.once('ceph', 'osd', 'new', disk)
        self.once('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', disk)
        monitor.stop(signal.SIGTERM, 5)
        with open(f'{self.folder}/complete', 'w', encoding='utf-8') as file:
            os.fsync(file.fileno())

    def configure(self):
        with open(f'{self.folder}/fsid', encoding='utf-8') as file:
            fsid = file.read()
        with open(f'{RUN}/ceph.conf', 'w', encoding='utf-8') as file:
            file.write(CEPH_CONF.format(fsid=fsid, run=RUN, folder=self.folder, disk=DISK_GIB << 30, admin=ADMIN_ENTRY))
        os.environ['CEPH_CONF'] = f'{RUN}/ceph.conf'

    def root_account(self):
        """Give the root account today's credentials, whatever they were before."""
        caps = 'users=*;user-policy=*;buckets=*'
        known = subprocess.run(['radosgw-admin', 'user', 'info', '--uid', ROOT_UID], capture_output=True, text=True, check=False)
        if known.returncode != 0:
            self.once('radosgw-admin', 'user', 'create', '--uid', ROOT_UID, '--display-name', 'root', '--admin', '--caps', caps, '--max-buckets', '0', '--access-key', self.access, '--secret', self.secret)
            return
        keys = {key['access_key']: key['secret_key'] for key in json.loads(known.stdout)['keys']}
        if keys.get(self.access) != self.secret:
            self.once('radosgw-admin', 'key', 'create', '--uid', ROOT_UID, '--key-type', 's3', '--access-key', self.access, '--secret', self.secret)
        for stale in keys.keys() - {self.access}:
            self.once('radosgw-admin', 'key', 'rm', '--uid', ROOT_UID, '--key-type', 's3', '--access-key', stale)

    def run(self, name, *argv):
        self.daemons.append(Daemon(name, argv))

    @staticmethod
    def once(*argv):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            fatal(f'{argv[0]} exited with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}')

    def until(self, what, ready, seconds=120):
        for _ in range(seconds * 10):
            self.check()
            try:
                if ready():
                    return
            except (OSError, ValueError):
                pass
            time.sleep(0.1)
        fatal(f'{what} is not there after {seconds} s')

    def check(self):
        for daemon in self.daemons:
            if daemon.process.poll() is not None:
                sys.stderr.writelines(daemon.words)
                fatal(f'{daemon.name} ended with {daemon.process.returncode}')

    def healthy(self):
        try:
            return urllib.request.urlopen(GATEWAY, timeout=5).status == 200
        except OSError:
            return False

    def watch(self):
        while True:
            self.check()
            time.sleep(0.5)

    def stop(self):
        for daemon in reversed(self.daemons):
            daemon.stop(signal.SIGKILL if daemon.name == 'rgw' else signal.SIGTERM, 4)  # the gateway holds nothing, and takes its time


class Identities:
    """Users and policies as `mc admin` knows them: kept in a file, in force as user policies of the gateway."""

    def __init__(self, path, gateway):
        self.path, self.gateway, self.lock = path, gateway, threading.Lock()
        self.state = {'policies': {}, 'users': {}}
        if os.path.exists(path):
            with open(path, encoding='utf-8') as file:
                self.state = json.load(file)

    def save(self):
        with open(f'{self.path}.new', 'w', encoding='utf-8') as file:
            json.dump(self.state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(f'{self.path}.new', self.path)

    def add_user(self, access, secret):
        if not re.fullmatch(r'[\w.@+-]{3,}', access) or len(secret) < 8:
            raise Refused(400, 'Access key length should be at least 3, and secret key length at least 8 characters.')
        try:
            self.gateway.request('PUT', f'/{ADMIN_ENTRY}/user', {'uid': access, 'display-name': access, 'access-key': access, 'secret-key': secret, 'max-buckets': -1}).read()
        except lab_s3.S3Error as error:
            if error.status != 409:
                raise
            self.gateway.request('PUT', f'/{ADMIN_ENTRY}/user', {'key': '', 'uid': access, 'access-key': access, 'secret-key': secret}).read()
        self.state['users'].setdefault(access, [])
        self.save()

    def user(self, access):
        if access not in self.state['users']:
            raise Refused(404, 'The specified user does not exist.')
        return {'accessKey': access, 'policyName': ','.join(self.state['users'][access]), 'userStatus': 'enabled'}

    def remove_user(self, access):
        self.user(access)
        self.gateway.request('DELETE', f'/{ADMIN_ENTRY}/user', {'uid': access}).read()
        del self.state['users'][access]
        self.save()

    def create_policy(self, name, document):
        if not isinstance(document, dict) or not document.get('Statement'):
            raise Refused(400, 'The policy document has no statement.')
        self.state['policies'][name] = document
        for access, names in self.state['users'].items():
            if name in names:
                self.put_policy(access, name)
        self.save()

    def attach(self, name, access):
        self.user(access)
        if name not in self.state['policies'] and name not in CANNED:
            raise Refused(404, 'The canned policy does not exist.')
        if name in self.state['users'][access]:
            raise Refused(400, 'The specified policy change is already in effect.')
        self.put_policy(access, name)
        self.state['users'][access].append(name)
        self.save()

    def put_policy(self, access, name):
        document = self.state['policies'].get(name) or {'Version': '2012-10-17', 'Statement': CANNED[name]}
        statements = [s for s in map(gateway_statement, document['Statement']) if s]
        form = {'Action': 'PutUserPolicy', 'UserName': access, 'PolicyName': name, 'PolicyDocument': json.dumps({'Version': '2012-10-17', 'Statement': statements})}
        self.gateway.request('POST', '/', body=urllib.parse.urlencode(form).encode(), headers={'Content-Type': 'application/x-www-form-urlencoded'}).read()
        # an account of the gateway may make buckets of its own unless it is told not to, policy or no policy
        makes = any(s['Effect'] == 'Allow' and any(a in ('*', 's3:*', 's3:CreateBucket') for a in as_list(s.get('Action', []))) for s in statements)
        self.gateway.request('POST', f'/{ADMIN_ENTRY}/user', {'uid': access, 'max-buckets': 0 if makes else -1}).read()


def gateway_statement(statement):
    actions = [action for action in as_list(statement.get('Action', [])) if not MINIO_ONLY.match(action)]
    if 'Action' in statement and not actions:
        return None
    return {**{k: v for k, v in statement.items() if k != 'Sid'}, **({'Action': actions} if 'Action' in statement else {})}


def as_list(value):
    return value if isinstance(value, list) else [value]


class Refused(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a caller that hung up


def serve(server):
    """Answer, behind nginx, the health paths and what `mc admin` asks for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.0'

        def address_string(self):
            return 'unix'

        def log_message(self, *args):
            pass

        def answer(self, status, document=None):
            body = b'' if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header('Content-Type', 'application/json')
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            if self.command != 'HEAD':
                self.wfile.write(body)

        def handle_request(self):
            path = [urllib.parse.unquote(part) for part in self.path.partition('?')[0].strip('/').split('/')]
            if path == ['healthz']:
                return self.answer(200 if server.healthy() else 503)
            if path[:2] == ['minio', 'health'] and path[2:] in (['ready'], ['cluster'], ['cluster', 'read']):
                return self.answer(200 if server.healthy() else 503)
            if path[:2] != ['minio', 'lab']:
                return self.answer(404, {'message': 'the stand-in has no such path'})
            wanted = 'Basic ' + base64.b64encode(f'{server.access}:{server.secret}'.encode()).decode()
            if self.headers.get('Authorization') != wanted:
                return self.answer(403, {'message': 'Access Denied.'})
            body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
            try:
                with server.identities.lock:
                    return self.answer(200, administer(server.identities, self.command, path[2:], json.loads(body) if body else None))
            except Refused as refused:
                return self.answer(refused.status, {'message': str(refused)})
            except lab_s3.S3Error as error:
                return self.answer(400, {'message': f'{error.code}: {error}'})
            except json.JSONDecodeError as error:
                return self.answer(400, {'message': f'not JSON: {error}'})

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_request

    threading.Thread(target=UnixServer(fresh(f'{RUN}/lab.sock'), Handler).serve_forever, daemon=True).start()


def administer(identities, method, path, document):
    match [method, *path]:
        case ['PUT', 'users', access]:
            return identities.add_user(access, document['secret'])
        case ['DELETE', 'users', access]:
            return identities.remove_user(access)
        case ['GET', 'users', access]:
            return identities.user(access)
        case ['GET', 'users']:
            return [identities.user(access) for access in identities.state['users']]
        case ['PUT', 'policies', name]:
            return identities.create_policy(name, document)
        case ['POST', 'policies', name, 'users', access]:
            return identities.attach(name, access)
    raise Refused(404, 'the stand-in has no such request')


def admin_socket(path, command):
    """Ask a Ceph daemon through its socket: the command ends with a NUL, the answer begins with its length."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(path)
        connection.sendall(json.dumps({'prefix': command}).encode() + b'\0')
        with connection.makefile('rb') as stream:
            return json.loads(stream.read(int.from_bytes(stream.read(4), 'big')))


def fresh(path):
    if os.path.exists(path):
        os.unlink(path)
    return path


def listen(address):
    host, _, port = address.rpartition(':')
    return f'{host}:{port}' if host else port


def by_tls(certificate):
    """Nothing but TLS, once there is a certificate."""
    return f' ssl; ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]}' if certificate else ''


def main(folder, address, console, certificates):
    access, secret = secret_file('MINIO_ROOT_USER', 'minioadmin'), secret_file('MINIO_ROOT_PASSWORD', 'minioadmin')
    if len(access) < 3 or len(secret) < 8:
        fatal('Invalid credentials: MINIO_ROOT_USER length should be at least 3, and MINIO_ROOT_PASSWORD length at least 8 characters')
    server = Server(folder, access, secret)

    def end(*_):
        server.stop()
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    # What the original does once it finds the two in its folder.
    chain, key = f'{certificates}/public.crt', f'{certificates}/private.key'
    server.start(address, console, (chain, key) if certificates and os.path.exists(chain) else None)
    server.watch()

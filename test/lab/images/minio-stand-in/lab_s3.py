"""The little S3 that the stand-in's own tools speak: signed requests (AWS signature 4), answers as XML."""
import datetime
import hashlib
import hmac
import http.client
import urllib.parse
import xml.etree.ElementTree as xml

PART = 16 << 20


class S3Error(Exception):
    """An answer other than 2xx: `code` is S3's word for it, `status` HTTP's."""

    def __init__(self, status, code, message):
        super().__init__(message or code)
        self.status, self.code = status, code


def quoted(text, safe=''):
    return urllib.parse.quote(text, safe=safe + '~')


def sign(method, path, query, headers, digest, access, secret, service='s3', region='us-east-1'):
    """The Authorization header for a request whose `path` is quoted already."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime('%Y%m%dT%H%M%SZ')
    headers.update({'x-amz-date': now, 'x-amz-content-sha256': digest})
    signed = sorted(name.lower() for name in headers)
    lower = {name.lower(): str(value).strip() for name, value in headers.items()}
    names = ';'.join(signed)
    canonical = '\n'.join([method, path, query, *[f'{name}:{lower[name]}' for name in signed], '', names, digest])
    scope = f'{now[:8]}/{region}/{service}/aws4_request'
    text = '\n'.join(['AWS4-HMAC-SHA256', now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ('AWS4' + secret).encode()
    for part in [*scope.split('/'), text]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    headers['Authorization'] = f'AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={names}, Signature={key.hex()}'


class Client:
    """One account at one endpoint. A bucket is a name, an object a bucket and a key."""

    def __init__(self, url, access, secret, timeout=300):
        self.url, self.access, self.secret, self.timeout = urllib.parse.urlsplit(url), access, secret, timeout

    def request(self, method, path='/', query=None, body=b'', length=None, headers=None, service='s3'):
        """The open response of a request that succeeded. `body` may be a file when `length` says how much of it to send."""
        headers = {'Host': self.url.netloc, **(headers or {})}
        encoded = '&'.join(f'{quoted(k)}={quoted(str(v))}' for k, v in sorted((query or {}).items()))
        path = quoted(path, '/')
        whole = isinstance(body, bytes)
        digest = hashlib.sha256(body).hexdigest() if whole else 'UNSIGNED-PAYLOAD'
        if self.access:
            sign(method, path, encoded, headers, digest, self.access, self.secret, service)
        headers['Content-Length'] = str(len(body) if whole else length)
        secure = self.url.scheme == 'https'
        connection = (http.client.HTTPSConnection if secure else http.client.HTTPConnection)(self.url.netloc, timeout=self.timeout)
        connection.request(method, path + ('?' + encoded if encoded else ''), body=body, headers=headers)
        response = connection.getresponse()
        if response.status >= 300:
            text = response.read()
            raise S3Error(response.status, *self._complaint(response, text))
        return response

    @staticmethod
    def _complaint(response, text):
        try:
            root = xml.fromstring(text)
            return next((e.text for e in root.iter() if e.tag.endswith('Code')), response.reason), next((e.text for e in root.iter() if e.tag.endswith('Message')), None)
        except xml.ParseError:
            return response.reason, text.decode(errors='replace').strip() or None

    def tree(self, *args, **kwargs):
        root = xml.fromstring(self.request(*args, **kwargs).read())
        for element in root.iter():
            element.tag = element.tag.rpartition('}')[2]
        return root

    def buckets(self):
        return [(b.findtext('Name'), b.findtext('CreationDate')) for b in self.tree('GET').iter('Bucket')]

    def objects(self, bucket, prefix='', delimiter='/'):
        """Objects as (key, size, date, etag), then the common prefixes as (prefix, None, None, None)."""
        token = None
        while True:
            query = {'list-type': 2, 'prefix': prefix, **({'delimiter': delimiter} if delimiter else {}), **({'continuation-token': token} if token else {})}
            page = self.tree('GET', f'/{bucket}', query)
            for item in page.iter('Contents'):
                yield item.findtext('Key'), int(item.findtext('Size')), item.findtext('LastModified'), item.findtext('ETag').strip('"')
            for item in page.iter('CommonPrefixes'):
                yield item.findtext('Prefix'), None, None, None
            token = page.findtext('NextContinuationToken')
            if not token:
                return

    def upload(self, bucket, key, source):
        """Send a stream of unknown length, in parts when it is longer than one."""
        path = f'/{bucket}/{key}'
        first = source.read(PART)
        if len(first) < PART:
            self.request('PUT', path, body=first).read()
            return len(first)
        upload = self.tree('POST', path, {'uploads': ''}).findtext('UploadId')
        etags, sent = [], 0
        try:
            while first:
                part = self.request('PUT', path, {'partNumber': len(etags) + 1, 'uploadId': upload}, body=first)
                part.read()
                etags.append(part.headers['ETag'])
                sent += len(first)
                first = source.read(PART)
            parts = ''.join(f'<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>' for n, etag in enumerate(etags, 1))
            self.request('POST', path, {'uploadId': upload}, body=f'<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>'.encode()).read()
        except BaseException:
            self.request('DELETE', path, {'uploadId': upload}).read()
            raise
        return sent

"""Secrets that are known by their surroundings rather than by a vendor's prefix."""

from __future__ import annotations

from fr_recorder.redact.rule import BARE, LEFT, QUOTE, Rule, assignment, assignment_gate

__all__ = ["GENERIC_RULES"]

_GAP = r"(?:[ \t\r\n\"'>|,+]|\\[nrt\"])"
_PEM_BEGIN = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_PEM_END = r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"

_PASSWORD = (
    r"passw(?:or)?d|passphrase|passcode|(?:\b|_)pwd?|[_\-]pass|passwort|kennwort|mot de passe|contrase(?:\xc3\xb1|n)a|senha|wachtwoord"
    r"|has\xc5\x82o|l\xc3\xb6senord|salasana|\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c"
    r"|\xe5\xaf\x86\xe7\xa0\x81|\xe5\xaf\x86\xe7\xa2\xbc"
    r"|\xe3\x83\x91\xe3\x82\xb9\xe3\x83\xaf\xe3\x83\xbc\xe3\x83\x89|\xeb\xb9\x84\xeb\xb0\x80\xeb\xb2\x88\xed\x98\xb8"
)
"""The last five are Russian, Chinese, Japanese and Korean in UTF-8."""

_API_KEY = (
    r"(?:api|access|secret|private|encryption|signing|subscription|master|license|auth|service|account|storage|admin|app|webhook)"
    r"[_\- ]?key(?:_base)?"
    r"|(?-i:[A-Z0-9]_KEY)"
)
_SECRET = r"(?:\b|[a-z0-9_\-])secret(?:[_\-]?(?:token|value|string))?"
_TOKEN = r"(?:\b|[a-z0-9_\-])token"

_OPEN = r"(?:passw(?:or)?d|passphrase|pwd|pass)"
_QUERY_TAIL = r"[^\x00-\x20\"'`<>&;#\\|(){}]"
_TOKEN_TAIL = r"[A-Za-z0-9._~+/=\-]"


def _query_rule(
    kind: str,
    names: str,
    shortest: int,
    source: str,
    *,
    examples: tuple[str, ...],
    near_misses: tuple[str, ...],
    check: str,
    hints: tuple[str, ...],
) -> Rule:
    """A rule for URL query parameters of these names, with values of at least ``shortest`` characters."""
    start = rf"(?i)[?&;](?:{names})="
    return Rule(
        kind,
        rf"{start}({_QUERY_TAIL}{{{shortest},255}})",
        source,
        examples,
        near_misses,
        check=check,
        gate=rf"{start}{_QUERY_TAIL}{{{shortest}}}",
        hints=hints,
        tail=_QUERY_TAIL,
        phase=0,
    )


GENERIC_RULES: tuple[Rule, ...] = (
    Rule(
        "private_key",
        rf"{_PEM_BEGIN}(?:{_GAP}{{1,8}}[A-Za-z\-]{{3,20}}: [^\x00-\x1f\\]{{0,100}}){{0,4}}"
        rf"{_GAP}{{0,8}}[A-Za-z0-9+/=]{{16,}}(?:{_GAP}{{1,8}}[A-Za-z0-9+/=]{{16,}})*(?:{_GAP}{{1,8}}[A-Za-z0-9+/=]{{1,15}})?(?:{_GAP}{{0,8}}{_PEM_END})?",
        "RFC 7468; RFC 9580 section 6.2 (OpenPGP); a key cut off before its END line counts too",
        (
            "-----BEGIN RSA <=PRIVATE> KEY-----\n<base64:64>\n<base64:64>\n<base64:40>\n-----END RSA <=PRIVATE> KEY-----",
            "-----BEGIN <=PRIVATE> KEY-----\\n<base64:64>\\n<base64:30>==\\n-----END <=PRIVATE> KEY-----\\n",
            "-----BEGIN RSA <=PRIVATE> KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,<hex:32>\n\n<base64:64>\n<base64:64>",
            "-----BEGIN PGP <=PRIVATE> KEY BLOCK-----\nVersion: GnuPG v2\n\n<base64:64>\n=<base64:4>\n-----END PGP <=PRIVATE> KEY ...",
        ),
        (
            "-----BEGIN CERTIFICATE-----\n<base64:64>\n",
            "the line -----BEGIN <=PRIVATE> KEY----- opens it",
            "-----BEGIN PUBLIC KEY-----\n<base64:64>",
        ),
        gate=_PEM_BEGIN,
        hints=("private key",),
    ),
    Rule(
        "private_key",
        r"(LS0tLS1CRUdJTi(?:BSU0EgUFJJVkFURS|BQUklWQVRFIEtFWS|BFQyBQUklWQVRFIE|BPUEVOU1NIIFBSSVZBVE|BFTkNSWVBURUQgUFJJVkFUR|BEU0EgUFJJVkFURS)"
        r"[A-Za-z0-9+/]{20,}={0,2})",
        "Base64 of RFC 7468 text, as in kubeconfig (client-key-data) and Kubernetes secrets",
        (
            "client-key-data: LS0tLS1CRUdJTiBSU0EgUFJJ<=VkFURS>BLRVktLS0tLQp<base64:60>",
            "key: LS0tLS1CRUdJTiBQUklWQVRF<=IEtFWS>0tLS0tCk<base64:60>==",
        ),
        ("certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk<base64:60>",),
        gate=r"LS0tLS1CRUdJTiB[A-Za-z0-9+/]{30}",
        hints=("ls0tls1crudjti",),
    ),
    Rule(
        "encoded_secret",
        r"\x00([A-Za-z0-9+/_\-]{24,255})",
        "RFC 4648: a text that is Base64 as a whole; replaced when what it stands for holds a secret (encoded.py)",
        ("bWFpbCBqb2UuYXZlcmFnZUBleGFtcGxlLm9yZyBhYm91dCBpdA==",),
        ("bm90aGluZyBhdCBhbGwgaW4gdGhpcyBvbmUsIHJlYWxseQ==", "<hex:40>", "<url64:40>"),
        check="encoded",
        gate=r"\x00[A-Za-z0-9+/_\-]{24}",
    ),
    Rule(
        "encoded_secret",
        r"(?:;base64,|b64decode\([bru]?[\"'])([A-Za-z0-9+/_\-]{24,255})"
        r"|[^A-Za-z0-9+/=_\-.]((?:ey[A-Z]|H4sI|W3si|LS0t)[A-Za-z0-9+/_\-]{21,252})",
        "RFC 2397, RFC 4648, RFC 1952: Base64 of JSON, gzip and PEM, told by how it begins (encoded.py)",
        (
            "eyJ1c2VyIjogImpvZSIsICJwYXNzd29yZCI6ICJodW50ZXIyaHVudGVyMiJ9",
            "data:text/plain;base64,bWFpbCBqb2UuYXZlcmFnZUBleGFtcGxlLm9yZyBhYm91dCBpdA==",
            "b64decode('bWFpbCBqb2UuYXZlcmFnZUBleGFtcGxlLm9yZyBhYm91dCBpdA==')",
        ),
        ("eyJwYWdlIjogMywgIm9yZGVyIjogImRlc2NlbmRpbmciLCAib2YiOiAiYWxsIn0=", "data:image/png;base64,iVBORw0KGgo<base64:60>"),
        check="encoded",
        gate=r"(?:;base64,|b64decode\([bru]?[\"']|[^A-Za-z0-9+/=_\-.](?:ey[A-Z]|H4sI|W3si|LS0t))[A-Za-z0-9+/_\-]{21}",
        hints=("base64,", "b64decode", "ey", "h4si", "w3si", "ls0t"),
    ),
    Rule(
        "jwt",
        r"(eyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{10,}|eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,})",
        "RFC 7519 (signed), RFC 7516 section 7.1 (encrypted)",
        (
            "eyJ<url64:30>.eyJ<url64:60>.<url64:43>",
            "Bearer eyJ<url64:30>.eyJ<url64:200>.<url64:342>",
            "eyJ<url64:60>.<url64:43>.<url64:16>.<url64:80>.<url64:22>",
        ),
        ("eyJ<url64:40>", "eyJhbGciOi.eyJ", "eyJ<url64:30>.json"),
        gate=r"eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*\.[A-Za-z0-9_\-]{8}",
        hints=("eyj",),
    ),
    Rule(
        "password",
        r"://[^\x00-\x20/:@\"'`<>\\]{0,128}:([^\x00-\x20\"'`<>?#\\]{1,256})@[A-Za-z0-9\[_*.\-$%{]",
        "RFC 3986 section 3.2.1 (user information); only the password is replaced, so that the address stays legible",
        ("postgres://svc:<alnum:14>@db.internal:5432/p", "redis://:<alnum:9>@cache:6379/0", "https://joe:p@ss/w0rd@example.com/x"),
        (
            "http://localhost:8080/users/@joe",
            "https://example.com:443/a@b",
            "ssh://git@github.com:22/x",
            "docker://r:5000/i@sha256:ab",
            "u://${A}:${B}@h",
        ),
        check="url_password",
        gate=r"://[^\x00-\x20/:@\"'`<>\\]*:[^\x00-\x20\"'`<>?#\\]+@[A-Za-z0-9\[_*.\-$%{]",
        hints=("://",),
        phase=0,
    ),
    _query_rule(
        "password",
        r"[a-z_\-]{0,20}(?:passw(?:or)?d|passphrase|pwd)|pass",
        1,
        "RFC 6819 section 4.6.6 (credentials in URLs)",
        examples=("https://x.example/login?user=joe&password=hunter2&next=/", "/cb?pwd=letmein"),
        near_misses=("/search?q=password", "/reset?passive=1"),
        check="not_placeholder",
        hints=("pass", "pwd"),
    ),
    _query_rule(
        "api_key",
        r"(?:x-)?(?:api|access|secret|subscription|app|auth)[_\-]?key|appid",
        6,
        "https://cloud.google.com/docs/authentication/api-keys-use; https://openweathermap.org/appid",
        examples=("https://x.example/v1?api_key=<alnum:20>&units=m", "?subscription-key=<hex:32>"),
        near_misses=("/keys?key_id=7", "?api_key=${API_KEY}"),
        check="not_placeholder",
        hints=("key", "appid"),
    ),
    _query_rule(
        "access_token",
        r"(?:access|auth|refresh|id|session|security|x-amz-security|api|bearer|private|oauth)[_\-]?token|client_assertion|samlresponse|jwt",
        6,
        "RFC 6750 section 2.3; https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html",
        examples=("https://x.example/me?access_token=<alnum:40>", "/cb?id_token=<alnum:60>&state=1", "&X-Amz-Security-Token=<alnum:80>"),
        near_misses=("?page_token=<alnum:40>", "?tokens=100"),
        check="not_placeholder",
        hints=("token", "assertion", "samlresponse", "jwt"),
    ),
    _query_rule(
        "access_token",
        r"token|key|auth|code|session|sid|sessionid",
        16,
        "as above; these names also carry harmless values, so only values that look like a credential count",
        examples=("https://x.example/?token=<alnum:32>", "/maps?key=<url64:39>", "/cb?code=4/0<url64:60>&scope=email"),
        near_misses=("?key=name", "?code=404", "?token=next-page-of-the-results", "?session=the-morning-session-of-the-day"),
        check="opaque",
        hints=("token", "key", "auth", "code", "sid", "session"),
    ),
    _query_rule(
        "secret",
        r"(?:client|app|consumer|shared)[_\-]?secret|secret",
        3,
        "RFC 6749 section 2.3.1",
        examples=("grant_type=x&client_secret=<alnum:24>",),
        near_misses=("?secretary=joe",),
        check="not_placeholder",
        hints=("secret",),
    ),
    _query_rule(
        "signature",
        r"(?:x-amz-|x-goog-|x-oss-)?signature|sig|hmac",
        16,
        "https://learn.microsoft.com/rest/api/storageservices/create-service-sas; https://cloud.google.com/storage/docs/access-control/signed-urls",
        examples=(
            "https://x.blob.core.windows.net/c?sv=2022-11-02&sig=<base64:43>%3D",
            "&X-Amz-Signature=<hex:64>",
            "?X-Goog-Signature=<hex:256>",
        ),
        near_misses=("?sig=short", "?signature=required"),
        check="opaque",
        hints=("sig", "hmac"),
    ),
    Rule(
        "access_token",
        rf"(?i)\bbearer(?:[ \t]|%20|\+){{1,4}}{QUOTE}?([A-Za-z0-9._~+/\-]{{16,255}}={{0,2}})",
        "RFC 6750 section 2.1",
        ("Authorization: Bearer <alnum:40>", "'authorization': 'bearer <url64:60>'"),
        ("bearer authentication-required", "Bearer token", "Bearer <=${TOKEN_FROM_ENVIRONMENT}>", "the bearer of-this-very-long-letter"),
        check="opaque",
        gate=r"(?i)\bbearer(?:[ \t]|%20|\+){1,4}[\"'`\\]*[A-Za-z0-9._~+/\-]{16}",
        tail=_TOKEN_TAIL,
        hints=("bearer",),
    ),
    Rule(
        "basic_credentials",
        r"(?i)\bbasic[ \t]{1,4}([A-Za-z0-9+/]{6,255}={0,2})",
        "RFC 7617 section 2",
        ("Authorization: Basic dXNlcjpodW50ZXIy", "basic YWRtaW46YWRtaW4="),
        ("basic understanding of physics", "Basic Economy", "basic authentication"),
        check="basic_credentials",
        gate=r"(?i)\bbasic[ \t]{1,4}[A-Za-z0-9+/]{6}",
        tail=_TOKEN_TAIL,
        hints=("basic",),
    ),
    Rule(
        "basic_credentials",
        rf"(?i)authorization{QUOTE}?[ \t]{{0,4}}[:=][ \t]{{0,4}}{QUOTE}?basic[ \t]+([A-Za-z0-9+/_\-]{{6,255}}={{0,2}})",
        "RFC 7617 section 2",
        ("Authorization: Basic <base64:32>", "'authorization': 'basic <base64:12>=='"),
        ("Authorization: Basic", "authorization: basic auth"),
        check="not_placeholder",
        gate=r"(?i)authorization[\"'`\\]*[ \t]*[:=][ \t]*[\"'`\\]*basic[ \t]+[A-Za-z0-9+/_\-]{6}",
        tail=_TOKEN_TAIL,
        hints=("authorization",),
    ),
    Rule(
        "access_token",
        rf"(?i)authorization{QUOTE}?[ \t]{{0,4}}[:=][ \t]{{0,4}}{QUOTE}?(?:bearer|token|apikey|api-key|key|negotiate|aws4-hmac-sha256)"
        r"[ \t]+([A-Za-z0-9._~+/=\-]{8,255})",
        "https://www.iana.org/assignments/http-authschemes",
        ("Authorization: token <alnum:40>", "authorization: ApiKey <base64:40>", "Authorization: Bearer abcdefgh"),
        ("authorization: token required", "Authorization: Bearer your_access_token", 'Authorization: f"Bearer {token_value}"'),
        check="not_placeholder",
        gate=r"(?i)authorization[\"'`\\]*[ \t]*[:=][ \t]*[\"'`\\]*[a-z0-9\-]+[ \t]+[A-Za-z0-9._~+/=\-]{8}",
        tail=_TOKEN_TAIL,
        hints=("authorization",),
    ),
    Rule(
        "cookie",
        rf"(?i)\b(?:set-)?cookie{QUOTE}?[ \t]{{0,4}}[:=][ \t]{{0,4}}{QUOTE}?"
        r"([A-Za-z0-9_.\-]{1,64}=[^\x00-\x20;\"'`\\,]{6,}(?:; ?[A-Za-z0-9_.\-]{1,64}=[^\x00-\x20;\"'`\\,]+)*)",
        "RFC 6265 section 4",
        ("Cookie: sessionid=<lower:32>; csrftoken=<alnum:32>", "curl -H 'Cookie: a=<alnum:24>'", '"set-cookie": "sid=<alnum:40>; Path=/"'),
        ("the cookie: a small file", "cookie = make_cookie()", "cookie=None"),
        gate=r"(?i)cookie[\"'`\\]*[ \t]*[:=][ \t]*[\"'`\\]*[A-Za-z0-9_.\-]+=[^\x00-\x20;\"'`\\,]{6}",
        hints=("cookie",),
    ),
    Rule(
        "password",
        assignment(_PASSWORD),
        "common usage; the shape of the value decides (checks.assigned_password)",
        (
            'password = "hunter2!"',
            "DB_PASSWORD=letmein",
            "My password is Tr0ub4dor&3, do not share",
            r"{\"password\": \"hunter2\"}",
            "passwd: s3cr3t.",
            "pwd=Abc123;",
            "PGPASSWORD=correcthorse psql",
            "login with 'password': 'opensesame'",
        ),
        (
            "password: str",
            "password = getpass.getpass()",
            "password=None",
            "PWD=/home/joe/src2",
            "password: required",
            "password=password",
            "The password is required.",
            "self.password = config.password1[0]",
            'password = "${DB_PASSWORD}"',
            "password: ********",
            'password="must have 8 characters"',
        ),
        check="assigned_password",
        gate=assignment_gate(_PASSWORD, 3),
        tail=BARE,
    ),
    Rule(
        "api_key",
        assignment(_API_KEY),
        "common usage; the shape of the value decides (checks.assigned_key)",
        ("api_key: <alnum:32>", 'apiKey = "<hex:24>"', r"\"x-api-key\": \"<alnum:20>\"", "ENCRYPTION_KEY=<base64:43>="),
        ("api_key: str", 'api_key = "YOUR_API_KEY"', 'api_key=os.environ["KEY"]', "public_key=<alnum:32>", "primary_key = order_line_id"),
        check="assigned_key",
        gate=assignment_gate(_API_KEY, 8),
        tail=BARE,
        hints=("key",),
    ),
    Rule(
        "secret",
        assignment(_SECRET),
        "common usage; the shape of the value decides (checks.assigned_key)",
        ('client_secret = "<alnum:24>"', "SECRET: <hex:32>", 'jwtSecret: "<alnum:16>"'),
        ("secret = load_secret()", "the secret is out: nobody reads this", "secret: string", 'secret="my-app-secret-name"'),
        check="assigned_key",
        gate=assignment_gate(_SECRET, 4),
        tail=BARE,
        hints=("secret",),
    ),
    Rule(
        "access_token",
        assignment(_TOKEN),
        "common usage; the shape of the value decides (checks.assigned_token)",
        ("token = <alnum:32>", 'access_token: "<url64:60>"', "GITLAB_TOKEN=<alnum:24>", "your token is <alnum:40>"),
        (
            "max_tokens=4096",
            "token: str",
            "token = tokenizer.next_token(2)",
            "token_type: bearer",
            "next_token = parse_the_next_token_of_v2",
            "?page_token=<alnum:40>",
        ),
        check="assigned_token",
        gate=assignment_gate(_TOKEN, 16),
        tail=BARE,
        hints=("token",),
    ),
    Rule(
        "password",
        rf"(?i)[ \t]--?{_OPEN}[ \t=]{QUOTE}?([^\x00-\x20\"'`\\-][^\x00-\x20\"'`\\]{{2,255}})",
        "command lines as written in prose, scripts and shell history",
        ("mysql --password hunter2 -h db", "tool --pass=opensesame"),
        ("tool --password --force", "use --password <file>"),
        check="not_placeholder",
        gate=rf"(?i)[ \t]--?{_OPEN}[ \t=][\"'`\\]*[^\x00-\x20\"'`\\]{{3}}",
        tail=r"[^\x00-\x20\"'`\\]",
        hints=("pass", "pwd"),
    ),
    Rule(
        "access_token",
        rf"(?i)[ \t]--?(?:[a-z]{{2,12}}-)?(?:api-?key|secret-?key|access-?key)[ \t=]{QUOTE}?([A-Za-z0-9._~+/=\-]{{12,255}})",
        "command lines as written in prose, scripts and shell history",
        ("tool --api-key <hex:32>", "tool --openai-api-key <alnum:40>"),
        ("tool --api-key key-from-environment",),
        check="opaque",
        gate=r"(?i)[ \t]--?(?:[a-z]+-)?(?:api-?key|secret-?key|access-?key)[ \t=][\"'`\\]*[A-Za-z0-9._~+/=\-]{12}",
        tail=_TOKEN_TAIL,
        hints=("key",),
    ),
    Rule(
        "access_token",
        rf"(?i)[ \t]--?(?:[a-z]{{2,12}}-)?(?:token|secret)[ \t=]{QUOTE}?([A-Za-z0-9._~+/=\-]{{12,255}})",
        "command lines as written in prose, scripts and shell history",
        ("tool --token <alnum:24>", "tool --auth-token <hex:32>"),
        ("tool --token file-with-the-token",),
        check="opaque",
        gate=r"(?i)[ \t]--?(?:[a-z]+-)?(?:token|secret)[ \t=][\"'`\\]*[A-Za-z0-9._~+/=\-]{12}",
        tail=_TOKEN_TAIL,
        hints=("token", "secret"),
    ),
    Rule(
        "password",
        r"\blogin[ \t\r\n]{1,4}[^\x00-\x20]{1,64}[ \t\r\n]{1,4}password[ \t\r\n]{1,4}([^\x00-\x20]{1,255})",
        "https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html",
        ("machine h.example login joe password hunter2", "default\n  login joe\n  password letmein\n"),
        ("the login page asks for a password", "login and password"),
        check="not_placeholder",
        gate=r"\blogin[ \t\r\n]+[^\x00-\x20]+[ \t\r\n]+password[ \t\r\n]",
        tail=r"[^\x00-\x20]",
        hints=("login",),
    ),
    Rule(
        "password",
        rf"(?i){LEFT}(?:curl|wget|http)[^\x00\r\n]{{0,200}}?[ \t](?:-u|--user)[ \t=]{QUOTE}?"
        r"[^\x00-\x20\"'`:]{1,64}:([^\x00-\x20\"'`]{3,128})",
        "https://curl.se/docs/manpage.html#-u",
        ("curl -s -u admin:hunter2 https://x.example",),
        ("curl -u admin https://x.example",),
        gate=r"(?i)[ \t](?:-u|--user)[ \t=][\"'`\\]*[^\x00-\x20\"'`:]+:[^\x00-\x20\"'`]{3}",
        hints=("-u", "--user"),
    ),
    Rule(
        "password",
        r"(?i)<(?:[a-z0-9]{1,32}:)?(?:password|passwd|passphrase)(?:[ \t][^<>\x00]{0,200})?>([^<>\x00-\x1f]{1,256})</",
        "common usage in XML, such as the UsernameToken of WS-Security",
        ("<wsse:Password Type='x'>hunter2</wsse:Password>", "<password>letmein</password>"),
        ("<password></password>", "<passwordPolicy>8</passwordPolicy>"),
        check="not_placeholder",
        gate=r"(?i)(?:password|passwd|passphrase)(?:[ \t][^<>\x00]*)?>[^<>\x00-\x1f]",
        hints=("pass",),
    ),
    Rule(
        "secret",
        r"(?i)<(?:[a-z0-9]{1,32}:)?(?:[a-z]{0,16}_?secret|api_?key|(?:access|auth|api)_?token)"
        r"(?:[ \t][^<>\x00]{0,200})?>([^<>\x00-\x20]{8,900})</",
        "common usage in XML",
        ("<clientSecret><alnum:20></clientSecret>", "<api_key><hex:32></api_key>"),
        ("<secret>tell nobody</secret>", "<api_key/>"),
        check="not_placeholder",
        gate=r"(?i)(?:secret|api_?key|token)(?:[ \t][^<>\x00]*)?>[^<>\x00-\x20]{8}",
        hints=("secret", "key", "token"),
    ),
)

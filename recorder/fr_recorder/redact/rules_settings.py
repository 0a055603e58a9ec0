"""Settings whose name tells of a secret, where name and value are not joined by ``=`` or ``:``: tables, calls, XML, lists of pairs."""

from __future__ import annotations

from fr_recorder.redact.rule import QUOTE, Rule

__all__ = ["SETTING_RULES"]

_PASSWORD = r"passw(?:or)?d|passphrase|passcode|_pwd|_pass"
_KEY = (
    r"(?:api|access|secret|private|encryption|signing|subscription|master|license|auth|service|account|storage|admin|app|webhook)[_\- ]?key"
    r"|(?-i:[A-Z0-9]_KEY)"
)
_SECRET = r"secret(?:[_\-]?(?:token|value|string))?"
_TOKEN = r"token"

_CLOSE = r"(?:_?(?:id|[0-9]))?[\"'`\\]{0,4}"
_BETWEEN = (
    r"(?:[ \t]?\|[ \t]?|[ \t]?\][ \t]?=[ \t]?|,[ \t]?|[ \t]value[ \t]?=[ \t]?"
    r"|,?(?:[ \t]{0,40}\r?\n[ \t]{0,40}|\\n[ ]{0,40}|[ \t]{1,4})[\"'\\]{0,4}value[\"'\\]{0,4}:[ \t]{0,4}|>[ \t]?<string>|</key><value>)"
)
_VALUE = r"([^\x00-\x20\"'`\\,;|<>()\[\]{}]{8,255})"
_TAIL = r"[^\x00-\x20\"'`\\,;|<>()\[\]{}]"


def _setting(kind: str, names: str, examples: tuple[str, ...], near_misses: tuple[str, ...], hints: tuple[str, ...]) -> Rule:
    start = rf"(?i)(?:{names}){_CLOSE}{_BETWEEN}{QUOTE}?"
    return Rule(
        kind,
        start + _VALUE,
        "common usage: Markdown tables, setenv(), Kubernetes and ECS lists of variables, .NET and plist settings",
        examples,
        near_misses,
        check="setting",
        gate=start + r"[^\x00-\x20\"'`\\,;|<>()\[\]{}]{8}",
        hints=hints,
        tail=_TAIL,
    )


SETTING_RULES: tuple[Rule, ...] = (
    _setting(
        "password",
        _PASSWORD,
        ('setenv("DB_PASSWORD", "Tr0ub4dor&3", 1)', "| db_password | Tr0ub4dor&3 |", '<add key="Password" value="Tr0ub4dor&3" />'),
        ('["password", "user_name"]', "password | the new password", 'fields = ("password", "firstname")'),
        ("pass", "pwd"),
    ),
    _setting(
        "api_key",
        _KEY,
        ("| MISTRAL_API_KEY | <alnum:32> |", '<add key="ApiKey" value="<alnum:32>" />', '- name: DD_API_KEY\n  value: "<hex:32>"'),
        ('["api_key", "base_url_of_v1"]', "| PRIMARY_KEY | bigint |", 'os.getenv("API_KEY", "your-api-key-123")'),
        ("key",),
    ),
    _setting(
        "secret",
        _SECRET,
        ('os.environ["JWT_SECRET"] = "<alnum:40>"', "| client_secret | <hex:40> |"),
        ('["secret", "another-word-2"]', "the secret, everybody knows"),
        ("secret",),
    ),
    _setting(
        "access_token",
        _TOKEN,
        ('os.environ["APP_TOKEN"] = "<alnum:32>"', "| refresh_token | <url64:48> |", "{'name': 'BOT_TOKEN', 'value': '<alnum:32>'}"),
        ('["token", "token_type_2"]', "| next_token | <hex:8> |", '<param name="token" value="required">'),
        ("token",),
    ),
    Rule(
        "cookie",
        r"(?i)\b(?:jsessionid|phpsessid|asp\.net_sessionid|connect\.sid)=([A-Za-z0-9%._\-]{16,255})",
        "names that web frameworks give to their session cookies",
        ("JSESSIONID=<upper:32>", "open /x;phpsessid=<lower:26>"),
        ("jsessionid=required", "phpsessid=the-name-of-the-session"),
        check="opaque",
        gate=r"(?i)(?:sess(?:ion)?id|connect\.sid)=[A-Za-z0-9%._\-]{16}",
        tail=r"[A-Za-z0-9%._\-]",
        hints=("sess", "connect.sid"),
    ),
    Rule(
        "password_hash",
        r"(\$2[abxy]?\$[0-9]{2}\$[./A-Za-z0-9]{53}|\$(?:[156]|apr1|y)\$(?:rounds=[0-9]{1,9}\$)?[./A-Za-z0-9]{1,24}\$[./A-Za-z0-9]{22,86}"
        r"|\$argon2(?:id|i|d)\$v=[0-9]{1,3}\$[a-z0-9=,]{5,40}\$[A-Za-z0-9+/]{11,64}\$[A-Za-z0-9+/]{16,86}"
        r"|pbkdf2_sha(?:1|256|512)\$[0-9]{3,8}\$[A-Za-z0-9]{4,64}\$[A-Za-z0-9+/]{27,90}={0,2})",
        "crypt(5); RFC 9106; https://docs.djangoproject.com/en/stable/topics/auth/passwords",
        ("joe:$2b$12$<alnum:53>", "root:$6$<alnum:8>$<alnum:86>:18000", "$argon2id$v=19$m=65536,t=3,p=4$<alnum:22>$<alnum:43>"),
        ("cost $1$ and $5$", "$2b$12$short"),
        hints=("$2", "$1$", "$5$", "$6$", "$apr1$", "$y$", "$argon2", "pbkdf2_sha"),
    ),
    Rule(
        "wallet_recovery_phrase",
        r"(?i)\b(?:seed|recovery|mnemonic|backup)(?:[ _\-]?(?:phrase|words))?[\"'`]{0,2}(?: is)?[ \t]{0,2}[:=]?[ \t]{0,2}[\"'`]{0,2}"
        r"([a-z]{3,8}(?:[ ,]{1,2}[a-z]{3,8}){11,23})",
        "BIP 39 (12 to 24 words)",
        (
            "seed phrase: abandon ability able about above absent absorb abstract absurd abuse access accident",
            "mnemonic = 'zoo zone zero youth young you yellow year yard wrong write wrist'",
        ),
        ("seed phrase: none", "recovery of the data took us two days in which nothing could be done by any of them"),
        check="recovery_phrase",
        gate=r"(?i)(?:seed|recovery|mnemonic|backup)(?:[ _\-]?(?:phrase|words))?[\"'`]{0,2}(?: is)?[ \t]{0,2}[:=]?[ \t]{0,2}[\"'`]{0,2}"
        r"[a-z]{3,8}[ ,]{1,2}[a-z]{3,8}[ ,]{1,2}[a-z]{3,8}[ ,]",
        hints=("seed", "recovery", "mnemonic", "backup"),
    ),
    Rule(
        "password",
        r"\b(?:sshpass[ \t]{1,4}-p[ \t]?|redis-cli[^\x00\r\n|;]{0,80}?[ \t]-a[ \t]"
        r"|(?:mysql|mysqldump|mysqladmin|mariadb)[ \t][^\x00\r\n|;]{0,80}?-p)"
        r"[\"']?([^\x00-\x20\"'`|;]{4,128})",
        "https://dev.mysql.com/doc/refman/8.4/en/password-security-user.html; https://redis.io/docs; sshpass(1)",
        ("sshpass -p 'S3cretPw9' ssh joe@h", "redis-cli -h c -a S3cretPw99", "mysql -u root -pS3cretPw9 shop"),
        ("mysql -u root -p shop", "redis-cli -a", "mysqldump -P 3306"),
        check="not_placeholder",
        gate=r"(?:sshpass[ \t]+-p|redis-cli[^\x00\r\n|;]*[ \t]-a[ \t]|(?:mysql|mysqldump|mysqladmin|mariadb)[ \t][^\x00\r\n|;]*-p[^ ])",
        hints=("sshpass", "redis-cli", "mysql", "mariadb"),
    ),
)

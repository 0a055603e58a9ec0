"""Further vendors, whose keys a beginning of their own gives away: one row a vendor."""

from __future__ import annotations

import re

from fr_recorder.redact.rule import LEFT, RIGHT, Rule

__all__ = ["VENDOR_RULES"]

_ENDS_WITH_SIGN = re.compile(r"\\-=?\]\{[0-9]+\}$")
_LEAKS = "gitleaks and trufflehog detectors"


def _key(
    kind: str,
    pattern: str,
    source: str,
    examples: tuple[str, ...],
    near_misses: tuple[str, ...],
    hints: tuple[str, ...],
    check: str | None = None,
) -> Rule:
    """A rule for a key with a tell-tale beginning; what ends by a count of letters and digits ends at a word's end."""
    right = RIGHT if pattern.endswith("}") and not pattern.endswith(",}") and not _ENDS_WITH_SIGN.search(pattern) else ""
    return Rule(kind, rf"{LEFT}({pattern}){right}", source, examples, near_misses, check=check, gate=_gate(pattern), hints=hints)


def _gate(pattern: str) -> str:
    """The pattern without what may go on behind it, which the first pass need not follow.

    One that begins with a class of characters gets a word's start before it: else the first pass begins anew at every such character, and
    its states multiply (8 MB of hexadecimal digits took 9 s and not 14 ms).
    """
    shortened = pattern[:-2] + "}" if pattern.endswith(",}") else pattern
    return LEFT + shortened if shortened.startswith("[") else shortened


VENDOR_RULES: tuple[Rule, ...] = (
    # Models, and what agents are built with.
    _key("voyage_api_key", r"pa-[A-Za-z0-9_\-]{43}", "https://docs.voyageai.com/docs/api-key-and-installation", ("pa-<url64:43>",),
        ("pa-<lower:8>",), ("pa-",), "mixed_case"),
    _key("anyscale_api_key", r"esecret_[a-z0-9]{20,}", "https://docs.anyscale.com", ("esecret_<lower:30>",), ("esecret_name",),
        ("esecret_",)),
    _key("apify_token", r"apify_api_[A-Za-z0-9]{34,}", "https://docs.apify.com/platform/integrations/api", ("apify_api_<alnum:36>",),
        ("apify_api_client",), ("apify_api_",)),
    _key("runpod_api_key", r"rpa_[A-Za-z0-9]{40,}", "https://docs.runpod.io/get-started/api-keys", ("rpa_<upper:46>",), ("rpa_workflow",),
        ("rpa_",)),
    _key("helicone_api_key", r"(?:sk|pk)-helicone-(?:eu-)?[a-z0-9]{7}-[a-z0-9]{7}-[a-z0-9]{7}-[a-z0-9]{7}",
        "https://docs.helicone.ai/helicone-headers/helicone-auth", ("sk-helicone-<lower:7>-<lower:7>-<lower:7>-<lower:7>",),
        ("sk-helicone-x",), ("k-helicone-",)),
    _key("wandb_api_key", r"wandb_v1_[A-Za-z0-9_\-]{60,}", "https://docs.wandb.ai", ("wandb_v1_<url64:77>",), ("wandb_v1_x",),
        ("wandb_v1_",)),
    _key("modal_token", r"a[ks]-[A-Za-z0-9]{22}", "https://modal.com/docs/reference/modal.config; " + _LEAKS,
        ("as-<alnum:22>", "ak-<alnum:22>"), ("as-<lower:6>", "has-<alnum:22>"), ("ak-", "as-"), "mixed_case"),
    _key("mandrill_api_key", r"md-[A-Za-z0-9_\-]{22}", "https://mailchimp.com/developer/transactional; " + _LEAKS, ("md-<alnum:22>",),
        ("md-<lower:6>", "cmd-<alnum:22>"), ("md-",), "mixed_case"),
    _key("cartesia_api_key", r"sk_car_[A-Za-z0-9]{20,}", "https://docs.cartesia.ai", ("sk_car_<alnum:22>",), ("sk_car_x",), ("sk_car_",)),
    _key("browserbase_api_key", r"bb_(?:live|test)_[A-Za-z0-9_\-]{20,}", "https://docs.browserbase.com", ("bb_live_<url64:27>",),
        ("bb_live_x",), ("bb_",)),
    _key("daytona_api_key", r"dtn_[0-9a-f]{64}", "https://www.daytona.io/docs", ("dtn_<hex:64>",), ("dtn_<hex:8>",), ("dtn_",)),
    _key("cursor_api_key", r"(?:key_|crsr_)[0-9a-f]{64}", "https://docs.cursor.com/account/api", ("key_<hex:64>",), ("key_<hex:24>",),
        ("key_", "crsr_")),
    _key("braintrust_api_key", r"sk-[A-Za-z0-9]{40,60}-bt|bt-st-[A-Za-z0-9]{40,}", "https://www.braintrust.dev/docs",
        ("bt-st-<alnum:48>",), ("bt-st-x",), ("bt-st-", "-bt")),
    _key("brave_search_api_key", r"BSA[A-Za-z0-9_\-]{24,28}", "https://brave.com/search/api", ("BSA<url64:28>",), ("BSA<url64:6>",),
        ("bsa",), "mixed_case"),
    # Clouds and hosting.
    _key("tencent_secret_id", r"AKID[A-Za-z0-9]{32}", "https://www.tencentcloud.com/document/product/598", ("AKID<alnum:32>",),
        ("AKID<alnum:8>",), ("akid",)),
    _key("volcengine_access_key", r"AKLT[A-Za-z0-9+/]{40,}={0,2}", "https://www.volcengine.com/docs/6291", ("AKLT<alnum:43>",),
        ("AKLT<alnum:8>",), ("aklt",)),
    _key("yandex_api_key", r"AQVN[A-Za-z0-9_\-]{35,38}|y0_[A-Za-z0-9_\-]{50,}|t1\.[A-Z0-9a-z_\-]+={0,2}\.[A-Z0-9a-z_\-]{86}",
        "https://yandex.cloud/en/docs/iam/concepts/authorization", ("AQVN<alnum:36>", "y0_<alnum:56>"), ("AQVN<alnum:6>",),
        ("aqvn", "y0_", "t1.")),
    _key("fly_token", r"(?:FlyV1 )?(?:fm[12][ar]?_[A-Za-z0-9+/_\-]{60,}={0,2}|fo1_[A-Za-z0-9_\-]{40,})",
        "https://fly.io/docs/security/tokens", ("FlyV1 fm2_<base64:200>", "fo1_<alnum:43>"), ("fm2_x",), ("fm", "fo1_")),
    _key("netlify_token", r"nf[pcuob]_[A-Za-z0-9]{36,}", "https://docs.netlify.com (nfp_, nfc_, nfu_, nfo_, nfb_)", ("nfp_<alnum:36>",),
        ("nfp_x",), ("nf",)),
    _key("vercel_token", r"vc[pikar]_[A-Za-z0-9_\-]{24,}|vercel_blob_rw_[A-Za-z0-9_]{30,}", "https://vercel.com/docs/rest-api",
        ("vcp_<alnum:56>",), ("vcp_x",), ("vc", "vercel_blob"), None),
    _key("render_api_key", r"rnd_[A-Za-z0-9]{28,}", "https://render.com/docs/api", ("rnd_<alnum:28>",), ("rnd_seed",), ("rnd_",)),
    _key("neon_api_key", r"napi_[a-z0-9]{60,}|npg_[A-Za-z0-9]{12,}", "https://neon.com/docs/manage/api-keys",
        ("napi_<lower:64>", "npg_<alnum:12>"), ("napi_env",), ("napi_", "npg_")),
    _key("cloudflare_token", r"cf(?:ut|k|at)_[A-Za-z0-9]{40,}",
        "https://developers.cloudflare.com/fundamentals/api/get-started/token-formats", ("cfut_<alnum:48>",), ("cfut_x",), ("cf",)),
    _key("cloudflare_origin_key", r"v1\.0-[0-9a-f]{24}-[0-9a-f]{146}",
        "https://developers.cloudflare.com/ssl/origin-configuration/origin-ca", ("v1.0-<hex:24>-<hex:146>",), ("v1.0-<hex:8>",),
        ("v1.0-",)),
    _key("tailscale_key", r"tskey-(?:auth|api|client|scim|webhook)-[A-Za-z0-9]{8,}-[A-Za-z0-9]{20,}",
        "https://tailscale.com/kb/1277/key-prefixes", ("tskey-auth-<alnum:17>-<alnum:32>",), ("tskey-auth-x",), ("tskey-",)),
    _key("openshift_token", r"sha256~[A-Za-z0-9_\-]{43}", "https://docs.openshift.com; " + _LEAKS, ("sha256~<url64:43>",), ("sha256~x",),
        ("sha256~",)),
    _key("confluent_key", r"cflt[A-Za-z0-9+/]{60}", "https://docs.confluent.io", ("cflt<base64:60>",), ("cflt<alnum:6>",), ("cflt",)),
    _key("mongodb_atlas_token", r"mdb_sa_sk_[A-Za-z0-9_\-]{20,}", "https://www.mongodb.com/docs/atlas (service accounts)",
        ("mdb_sa_sk_<url64:40>",), ("mdb_sa_id_<hex:24>",), ("mdb_sa_sk_",)),
    _key("scalingo_token", r"tk-us-[A-Za-z0-9_\-]{48}", "https://developers.scalingo.com; " + _LEAKS, ("tk-us-<url64:48>",), ("tk-us-x",),
        ("tk-us-",)),
    _key("infracost_api_key", r"ico-[A-Za-z0-9]{32}", "https://www.infracost.io; " + _LEAKS, ("ico-<alnum:32>",),
        ("ico-x", "pico-<alnum:32>"), ("ico-",), "mixed_case_and_digit"),
    # Code, packages, builds, secrets.
    _key("trello_token", r"ATTA[0-9a-fA-F]{64,76}", "https://developer.atlassian.com/cloud/trello", ("ATTA<hex:72>",), ("ATTA<hex:8>",),
        ("atta",)),
    _key("crates_io_token", r"cio[A-Za-z0-9]{32}", "https://crates.io; GitHub secret scanning cratesio_api_token", ("cio<alnum:32>",),
        ("cio<lower:8>",), ("cio",), "mixed_case_and_digit"),
    _key("nuget_api_key", r"oy2[a-z0-9]{43}", "https://learn.microsoft.com/nuget; GitHub secret scanning nuget_api_key",
        ("oy2<lower:43>",), ("oy2<lower:8>",), ("oy2",)),
    _key("clojars_token", r"CLOJARS_[0-9a-zA-Z]{60}", "https://github.com/clojars/clojars-web/wiki/Deploy-Tokens", ("CLOJARS_<hex:60>",),
        ("CLOJARS_PASSWORD",), ("clojars_",)),
    _key("artifactory_token", r"AKCp[A-Za-z0-9]{60,}|cmVmdGtu[A-Za-z0-9]{56}", "https://jfrog.com/help; " + _LEAKS,
        ("AKCp<alnum:69>", "cmVmdGtu<alnum:56>"), ("AKCp<alnum:6>",), ("akcp", "cmvmdgtu")),
    _key("circleci_token", r"CCI(?:PAT|PRJ)_[A-Za-z0-9]{20,24}_[0-9a-f]{40}", "https://circleci.com/docs/managing-api-tokens",
        ("CCIPAT_<alnum:22>_<hex:40>",), ("CCIPAT_x",), ("ccipat_", "cciprj_")),
    _key("buildkite_token", r"bk[a-z]{2,3}_[0-9a-f]{40}", "https://buildkite.com/docs/apis/managing-api-tokens", ("bkua_<hex:40>",),
        ("bkua_x",), ("bk",)),
    _key("sonarqube_token", r"sq[upa]_[0-9a-f]{40}", "https://docs.sonarsource.com", ("squ_<hex:40>", "sqp_<hex:40>"), ("squ_x",),
        ("sq",)),
    _key("prefect_api_key", r"pn[ub]_[A-Za-z0-9]{36}", "https://docs.prefect.io; " + _LEAKS, ("pnu_<alnum:36>",), ("pnu_x",),
        ("pnu_", "pnb_")),
    _key("onepassword_token", r"ops_eyJ[A-Za-z0-9+/]{200,}={0,3}", "https://developer.1password.com/docs/service-accounts",
        ("ops_eyJ<base64:300>",), ("ops_eyJx",), ("ops_eyj",)),
    _key("onepassword_secret_key", r"A3-[A-Z0-9]{6}-[A-Z0-9]{6}-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}",
        "https://support.1password.com/secret-key", ("A3-<upper:6>-<upper:6>-<upper:5>-<upper:5>-<upper:5>",), ("A3-<upper:6>",),
        ("a3-",)),
    _key("bitwarden_token", r"0\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.[A-Za-z0-9]{30}:[A-Za-z0-9+/]{22}={0,2}",
        "https://bitwarden.com/help/access-tokens", ("0.<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>.<alnum:30>:<base64:22>==",),
        ("0.<hex:8>",), ("0.",)),
    _key("infisical_token", r"st\.[0-9a-f]{24}\.[0-9a-f]{32}\.[0-9a-f]{32}", "https://infisical.com/docs",
        ("st.<hex:24>.<hex:32>.<hex:32>",), ("st.<hex:8>",), ("st.",)),
    _key("snyk_token", r"snyk_(?:uat|sat)\.[0-9a-f]{8}\.[A-Za-z0-9_\-.]{40,}", "https://docs.snyk.io", ("snyk_uat.<hex:8>.<url64:60>",),
        ("snyk_x",), ("snyk_",)),
    _key("launchdarkly_key", r"(?:api|sdk)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "https://launchdarkly.com/docs",
        ("api-<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>",), ("api-<hex:8>", "xapi-<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>"),
        ("api-", "sdk-")),
    _key("readme_api_key", r"rdme_[a-z0-9]{60,}", "https://docs.readme.com; " + _LEAKS, ("rdme_<lower:70>",), ("rdme_x",), ("rdme_",)),
    # Messaging and social.
    _key("facebook_token", r"EAA[A-Za-z0-9]{90,}", "https://developers.facebook.com/docs/facebook-login/guides/access-tokens",
        ("EAA<alnum:150>ZDZD",), ("EAA<alnum:8>",), ("eaa",), None),
    _key("twitter_bearer_token", r"A{20,22}[A-Za-z0-9%]{60,}", "https://docs.x.com; " + _LEAKS, ("AAAAAAAAAAAAAAAAAAAAA<alnum:90>",),
        ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAA",), ("aaaaaaaaaaaaaaaaaaaa",))._replace(
        gate=r"A{20}[A-Za-z0-9%]{8}", check="mixed_case_and_digit", tail=r"[A-Za-z0-9%]",
        pattern=rf"{LEFT}(A{{20,22}}[A-Za-z0-9%]{{60,255}})"
    ),
    _key("dropbox_token", r"sl\.(?:u\.)?[A-Za-z0-9_\-]{120,}", "https://www.dropbox.com/developers/documentation", ("sl.<url64:135>",),
        ("sl.x",), ("sl.",)),
    _key("instagram_token", r"IG[QA][A-Za-z0-9_\-]{100,}", "https://developers.facebook.com/docs/instagram", ("IGQ<alnum:130>",),
        ("IGQx",), ("igq", "iga")),
    _key("mattermost_webhook", r"hooks/[a-z0-9]{26}", "https://developers.mattermost.com/integrate/webhooks",
        ("https://mm.example/hooks/<lower:26>",), ("git/hooks/pre-commit",), ("hooks/",), "mixed"),
    _key("teams_webhook", r"webhook\.office\.com/webhookb2/[A-Za-z0-9@/\-]{80,}",
        "https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors",
        ("x.webhook.office.com/webhookb2/<hex:36>@<hex:36>/IncomingWebhook/<hex:32>",), ("webhook.office.com",), ("webhook.office",)),
    _key("zapier_webhook", r"hooks\.zapier\.com/hooks/catch/[0-9]{4,}/[A-Za-z0-9]{5,}", "https://help.zapier.com",
        ("https://hooks.zapier.com/hooks/catch/<digits:7>/<lower:7>",), ("hooks.zapier.com",), ("hooks.zapier",)),
    _key("mailersend_token", r"mlsn\.[0-9a-f]{64}", "https://developers.mailersend.com", ("mlsn.<hex:64>",), ("mlsn.x",), ("mlsn.",)),
    _key("frameio_token", r"fio-u-[A-Za-z0-9_\-=]{64}", "https://developer.frame.io; " + _LEAKS, ("fio-u-<url64:64>",), ("fio-u-x",),
        ("fio-u-",)),
    # Payment and business.
    _key("plaid_token",
        r"(?:access|public|link|processor)-(?:sandbox|development|production)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "https://plaid.com/docs/api", ("access-production-<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>",), ("access-production-x",),
        ("-sandbox-", "-development-", "-production-")),
    _key("razorpay_key", r"rzp_(?:live|test)_[A-Za-z0-9]{14,}", "https://razorpay.com/docs/payments/dashboard/account-settings/api-keys",
        ("rzp_live_<alnum:14>",), ("rzp_live_x",), ("rzp_",)),
    _key("flutterwave_key", r"FLW(?:SECK|PUBK)(?:_TEST)?-[A-Za-z0-9]{12,40}(?:-X)?", "https://developer.flutterwave.com",
        ("FLWSECK-<hex:32>-X", "FLWSECK_TEST-<hex:32>-X"), ("FLWSECK-x",), ("flw",)),
    _key("easypost_api_key", r"EZ[AT]K[A-Za-z0-9]{54}", "https://docs.easypost.com; " + _LEAKS, ("EZAK<alnum:54>",), ("EZAK<alnum:8>",),
        ("ezak", "eztk")),
    _key("shippo_token", r"shippo_(?:live|test)_[0-9a-fA-F]{40}", "https://docs.goshippo.com; " + _LEAKS, ("shippo_live_<hex:40>",),
        ("shippo_live_x",), ("shippo_",)),
    _key("duffel_token", r"duffel_(?:live|test)_[A-Za-z0-9_\-=]{43}", "https://duffel.com/docs; " + _LEAKS, ("duffel_live_<url64:43>",),
        ("duffel_live_x",), ("duffel_",)),
    _key("paypal_braintree_key", r"sandbox_[a-z0-9]{8}_[a-z0-9]{16}|production_[a-z0-9]{8}_[a-z0-9]{16}",
        "https://developer.paypal.com/braintree/docs/guides/authorization/tokenization-key", ("production_<lower:8>_<lower:16>",),
        ("production_database_configuration1",), ("sandbox_", "production_"), "mixed"),
    _key("adyen_api_key", r"AQE[A-Za-z0-9]{6}[A-Za-z0-9+/=\-]{60,}", "https://docs.adyen.com/development-resources/api-credentials",
        ("AQE<alnum:6><base64:100>",), ("AQE<alnum:6>",), ("aqe",)),
    _key("lob_api_key", r"(?:live|test)_[0-9a-f]{35}", "https://docs.lob.com; " + _LEAKS, ("live_<hex:35>",), ("live_x",),
        ("live_", "test_")),
    _key("mollie_api_key", r"(?:live|test)_[A-Za-z0-9]{30}", "https://docs.mollie.com/reference/authentication", ("live_<alnum:30>",),
        ("test_handlers_are_called_in_order",), ("live_", "test_"), "mixed_case_and_digit"),
    _key("salesforce_token", r"00D[A-Za-z0-9]{12,15}![A-Za-z0-9._]{80,}", "https://developer.salesforce.com/docs; " + _LEAKS,
        ("00D<alnum:12>!<alnum:88>.<alnum:7>",), ("00D<alnum:12>",), ("00d",)),
    _key("asana_token", r"[0-2]/[0-9]{14,17}(?:/[0-9]{14,17})?:[0-9a-f]{32}", "https://developers.asana.com/docs/personal-access-token",
        ("1/<digits:16>:<hex:32>",), ("1/<digits:16>",), ("/",))._replace(gate=r"[0-9]:[0-9a-f]{32}"),
    _key("contentful_token", r"CFPAT-[A-Za-z0-9_\-]{40,}", "https://www.contentful.com/developers/docs", ("CFPAT-<url64:43>",),
        ("CFPAT-x",), ("cfpat-",)),
    _key("typeform_token", r"tfp_[A-Za-z0-9_\-]{40,}", "https://www.typeform.com/developers; " + _LEAKS, ("tfp_<url64:44>_<alnum:14>",),
        ("tfp_x",), ("tfp_",)),
    _key("mapbox_token", r"sk\.eyJ[A-Za-z0-9_\-]{20,}\.[A-Za-z0-9_\-]{20,}", "https://docs.mapbox.com/accounts/guides/tokens",
        ("sk.eyJ<alnum:80>.<url64:22>",), ("pk.eyJ<alnum:6>",), ("sk.eyj",)),
    _key("okta_token", r"SSWS[ ]{1,2}00[A-Za-z0-9_\-]{40}", "https://developer.okta.com/docs/guides/create-an-api-token",
        ("Authorization: SSWS 00<url64:40>",), ("SSWS token",), ("ssws",)),
    _key("clickup_token", r"pk_[0-9]{6,10}_[A-Z0-9]{32}", "https://developer.clickup.com/docs/authentication",
        ("pk_<digits:8>_<upper:32>",), ("pk_<digits:3>",), ("pk_",)),
    # Watching what runs.
    _key("posthog_key", r"ph[xs]_[A-Za-z0-9]{40,}", "https://posthog.com/docs/api", ("phx_<alnum:43>",), ("phx_new",), ("phx_", "phs_")),
    _key("honeycomb_key", r"hc[abx]ik_[0-9a-z]{58}|hcamk_[0-9a-z]{58}",
        "https://docs.honeycomb.io/configure/environments/manage-api-keys", ("hcaik_<lower:58>",), ("hcaik_x",), ("hc",)),
    _key("axiom_token", r"xa[ap]t-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "https://axiom.co/docs/reference/tokens",
        ("xaat-<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>",), ("xaat-x",), ("xaat-", "xapt-")),
    _key("logfire_token", r"pylf_v[0-9]_[a-z]{2}_[A-Za-z0-9]{40,}", "https://logfire.pydantic.dev/docs", ("pylf_v1_eu_<alnum:43>",),
        ("pylf_v1_x",), ("pylf_v",)),
    _key("rootly_api_key", r"rootly_[0-9a-f]{64}", "https://docs.rootly.com", ("rootly_<hex:64>",), ("rootly_x",), ("rootly_",)),
    _key("datadog_key", r"dd(?:ap[pi]|pat)_[A-Za-z0-9]{30,}", "https://docs.datadoghq.com/account_management/api-app-keys",
        ("ddapp_<alnum:34>", "ddpat_<alnum:34>"), ("ddapp_x",), ("ddap", "ddpat")),
    _key("amazon_mws_token", r"amzn\.mws\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "https://developer-docs.amazon.com; " + _LEAKS,
        ("amzn.mws.<hex:8>-<hex:4>-<hex:4>-<hex:4>-<hex:12>",), ("amzn.mws.x",), ("amzn.mws.",)),
    # Wallets: who has these has the money.
    # Not inside of base64, where such a run begins at every tenth sign.
    Rule("wallet_private_key", r"(?:[^A-Za-z0-9+/]|\\[nrtbf]|%[0-9A-F]{2})([5KL][1-9A-HJ-NP-Za-km-z]{50,51})\b",
        "https://en.bitcoin.it/wiki/Wallet_import_format", ("<=5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ>",), ("K<alnum:51>",),
        check="base58check", gate=r"(?:[^A-Za-z0-9+/]|\\[nrtbf]|%[0-9A-F]{2})[5KL][1-9A-HJ-NP-Za-km-z]{50}"),
    _key("wallet_private_key", r"[xyztuv]prv[1-9A-HJ-NP-Za-km-z]{107,108}", "BIP 32; SLIP-0132",
        ("<=xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi>",),
        ("xprv<alnum:107>",), ("prv",), "base58check"),
)  # fmt: skip
"""One row a vendor; none of these begins like another vendor's."""

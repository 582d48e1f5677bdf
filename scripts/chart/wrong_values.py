"""Values that the chart must refuse, and the words that the error must contain."""

from chart import CHART, run

# A named server, which enables a collector.
TARGET = ["collector.targets[0].name=a", "collector.targets[0].conninfo=host=a"]

WRONG = [
    (["bakend.replicas=3"], "additional properties 'bakend' not allowed"),
    (["backend.replica=3"], "additional properties 'replica' not allowed"),
    (["backend.replicas=three"], "/backend/replicas"),
    (["backend.config.retention=30"], "/backend/config/retention"),
    (["backend.service.type=Nodeport"], "/backend/service/type"),
    (["backend.service.nodePort=99999"], "/backend/service/nodePort"),
    (["backend.image.digest=latest"], "/backend/image/digest"),
    (["database.url=postgresql://u:secret@db/x"], "/database/url"),
    (["redis.url=redis://:secret@cache"], "/redis/url"),
    (["store.env.AWS_SECRET_ACCESS_KEY=x"], "/store/env"),
    (["store.url=http://bucket"], "/store/url"),
    (["development.adminPassword=only-on-my-machine"], "/development/adminPassword"),
    (["collector.targets[0].name=a", "collector.targets[0].conninfo=host=a password=b"], "/collector/targets/0/conninfo"),
    (["collector.targets[0].name=a", "collector.targets[0].conninfo=postgresql://u:p@h/d"], "/collector/targets/0/conninfo"),
    (["ingress.controller=istio"], "/ingress/controller"),
    (["tls.minVersion=1.1"], "/tls/minVersion"),
    (["backend.replicas=3"], "set database.url and database.existingSecret, or backend.replicas=1"),
    (["backend.autoscaling.enabled=true"], "set database.url and database.existingSecret"),
    (["database.url=postgresql://u@db/x", "database.urlKey=uri"], "database.url and database.urlKey are both set"),
    (["database.urlKey=uri"], "set database.existingSecret"),
    (["store.url=database"], "set database.url"),
    (["tls.enabled=true"], "set tls.existingSecret, or tls.certManager.enabled=true"),
    (["tls.clientAuth.mode=optional"], "set tls.enabled=true"),
    (["tls.clientAuth.crlKey=ca.crl"], "ask for no client certificate: set tls.clientAuth.mode and tls.clientAuth.existingSecret"),
    (["tls.enabled=true", "tls.existingSecret=t", "tls.clientAuth.mode=optional", "tls.clientAuth.existingSecret=ca", "tls.clientAuth.crlSecret=crl"],
     "set tls.clientAuth.crlKey"),
    (["tls.clientAuth.crlKey=a/b"], "/tls/clientAuth/crlKey"),
    (["backend.service.type=LoadBalancer"], "set tls.enabled=true, or backend.service.loadBalancer.acceptPlainHttp=true"),
    (["secrets.bootstrap.enabled=false"], "set backend.admin.existingSecret"),
    (["ingress.enabled=true"], "set ingress.hosts"),
    (["httpRoute.enabled=true"], "set httpRoute.parentRefs and httpRoute.hostnames"),
    (["collector.discovery.enabled=true", "collector.discovery.allNamespaces=true"], "set collector.credentials.existingSecret"),
    (["collector.discovery.enabled=true", "collector.credentials.existingSecret=m"], "set collector.discovery.namespaces, or"),
    (["backend.enabled=false"], "set collector.backend.url"),
    (["collector.enrolment.method=certificate"], "/collector/enrolment/method"),
    (["backend.enrolment.serviceAccounts[0]=pganalytics-collector"], "/backend/enrolment/serviceAccounts/0"),
    (["collector.enrolment.method=serviceAccount", "collector.token.existingSecret=mine"], "leave collector.token.existingSecret and"),
    ([*TARGET, "collector.enrolment.method=serviceAccount", "collector.serviceAccount.create=false"], "set collector.serviceAccount.create=true, or"),
    ([*TARGET, "collector.tls.enabled=true"], "set collector.tls.existingSecret, or collector.tls.certManager.enabled=true"),
    ([*TARGET, "collector.tls.enabled=true", "collector.tls.certManager.enabled=true"], "set tls.certManager.issuerRef.name"),
    (["collector.tls.clientAuth.existingSecret=ca"], "set collector.tls.enabled=true"),
    ([*TARGET, "collector.tls.enabled=true", "collector.tls.existingSecret=t", "collector.tls.clientAuth.crlKey=ca.crl"],
     "ask for no client certificate: set collector.tls.clientAuth.existingSecret"),
    ([*TARGET, "collector.tls.enabled=true", "collector.tls.existingSecret=t", "collector.tls.clientAuth.existingSecret=ca", "collector.tls.clientAuth.crlSecret=crl"],
     "set collector.tls.clientAuth.crlKey"),
    ([*TARGET, "collector.tls.enabled=true", "collector.tls.existingSecret=t", "collector.tls.clientAuth.existingSecret=ca", "monitoring.podMonitor.enabled=true"],
     "set monitoring.podMonitor.clientCertificateSecret"),
    (["collector.targets[0].name=a b", "collector.targets[0].conninfo=host=a", "collector.targets[0].existingSecret=s"], "the name of a section"),
    (["collector.targets[0].name=a", "collector.targets[0].conninfo=service=b", "collector.targets[0].existingSecret=s"], "names a service in its conninfo too"),
    ([*TARGET, "collector.targets[0].passwordKey=password"], "names keys of a Secret, and no Secret: set its existingSecret"),
    ([*TARGET, "collector.targets[0].existingSecret=s", "collector.targets[0].usernameKey=username"], "has a usernameKey and no passwordKey: set both, or none"),
    (["collector.targets[0].name=a", "collector.targets[0].conninfo=postgresql://u@h/d", "collector.targets[0].existingSecret=s",
      "collector.targets[0].usernameKey=username", "collector.targets[0].passwordKey=password"], "names a user in its conninfo too: leave one of them out"),
    (["backend.service.type=NodePort", "networkPolicy.backendFrom[0].podSelector.matchLabels.a=b"], "backend.service.type=NodePort: clients arrive from addresses that are not pods"),
    (["ingress.enabled=true", "ingress.controller=alb", "ingress.hosts[0]=a.example.com", "networkPolicy.backendFrom[0].podSelector.matchLabels.a=b"],
     "ingress.controller=alb: clients arrive from addresses that are not pods"),
    (["monitoring.serviceMonitor.enabled=true", "networkPolicy.backendFrom[0].podSelector.matchLabels.a=b"], "set networkPolicy.metricsFrom"),
    (["ingress.enabled=true", "ingress.hosts[0]=a.example.com"], "set networkPolicy.backendFrom to the namespace or the addresses of the proxy"),
    (["backend.config.trustedProxy=true"], "set networkPolicy.backendFrom to the namespace or the addresses of the proxy"),
    (["ingress.enabled=true", "ingress.hosts[0]=a.example.com", "networkPolicy.enabled=false"], "or backend.config.trustedProxy=false"),
    (["httpRoute.enabled=true", "httpRoute.parentRefs[0].name=g", "httpRoute.hostnames[0]=a.example.com"], "set networkPolicy.backendFrom"),
    (["externalSecrets.enabled=true"], "set externalSecrets.secretStoreRef.name"),
]


def refuse(tools, settings, words):
    """Renders the chart with settings, and asserts that Helm fails with an error that contains the words."""
    text = run([tools.program("helm"), "template", "pganalytics", CHART, *[word for s in settings for word in ("--set", s)]], expect=1)
    assert words in text, f"{settings}: the error does not contain '{words}':\n{text}"

import time, traceback
import awsauth
from awsauth.errors import AwsAuthError
from tests.named_cluster import named_cluster
R="arn:aws:iam::123456789012:role"
def t(label, f):
    b=time.monotonic()
    try: r=f(); s=str(r)
    except AwsAuthError as e: s=f"{type(e).__name__}: {e}"
    except BaseException as e: s="!!! "+"".join(traceback.format_exception(e))[-1500:]
    print(f"--- {label} [{time.monotonic()-b:.2f}s]\n{s[:1500]}", flush=True)
def test_break(cluster, monkeypatch, tmp_path):
  with named_cluster(cluster, monkeypatch, tmp_path) as n:
    n.map(boss=("system:masters",)); n.await_in("boss"); n.be_role("boss")
    client = n.client(author="x")
    client.add_role_mapping(f"{R}/a", username="a")
    n.cluster.aws.create_role("boss", path="/team/")
    n.cluster.put_aws_auth({"mapRoles": "- rolearn: x\n broken"}); n.await_out("boss")
    for op in ("DescribeCluster","CreateAccessEntry","AssociateAccessPolicy","UpdateClusterConfig","DescribeUpdate","ListAccessEntries"):
        n.eks.fail(op,"ThrottlingException","Rate exceeded",400,times=4 if op!="DescribeCluster" else 2)
    for i in range(9):
        t(f"recover {i}", lambda: awsauth.recover(n.name, allow=["switch-authentication-mode"], timeout=15))
        print({k:(v.kind if hasattr(v,'kind') else v) for k,v in n.described.entries.entries.items()}, n.described.authentication_mode)
        if n.cluster.identity(n.cluster.eks_token(n.cluster.aws.assume_role("boss"))): break

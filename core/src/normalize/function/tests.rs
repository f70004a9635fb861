//! The functions on values as the sources write them.

use super::*;

fn run(function: Function, inputs: &[&[&str]]) -> Vec<String> {
    let values: Vec<Vec<Value<'_>>> = inputs.iter().map(|v| v.iter().map(|t| read(t)).collect()).collect();
    let slices: Vec<&[Value<'_>]> = values.iter().map(Vec::as_slice).collect();
    derive(function, &slices).iter().map(|v| v.text().map(Cow::into_owned).unwrap_or_default()).collect()
}

/// Integers and Booleans as such, so that tests can be written as texts.
fn read(text: &str) -> Value<'_> {
    match text {
        "true" => Value::Bool(true),
        "null" => Value::Null,
        _ => text.parse().map_or(Value::Text(Cow::Borrowed(text)), Value::Int),
    }
}

#[test]
fn finding_types_come_back_from_security_hubs_taxonomy() {
    let cases = [
        ("TTPs/Defense Evasion/Stealth:IAMUser-CloudTrailLoggingDisabled", "Stealth:IAMUser/CloudTrailLoggingDisabled"),
        ("TTPs/Discovery/IAMUser-AnomalousBehavior", "Discovery:IAMUser/AnomalousBehavior"),
        ("TTPs/Initial Access/IAMUser-AnomalousBehavior", "InitialAccess:IAMUser/AnomalousBehavior"),
        ("Unusual Behaviors/User/UnauthorizedAccess:IAMUser-ConsoleLogin", "UnauthorizedAccess:IAMUser/ConsoleLogin"),
        ("TTPs/Command and Control/Backdoor:EC2-C&CActivity.B!DNS", "Backdoor:EC2/C&CActivity.B!DNS"),
        ("AttackSequence:IAM/CompromisedCredentials", "AttackSequence:IAM/CompromisedCredentials"),
        ("TTPs/AttackSequence:S3/CompromisedData", "AttackSequence:S3/CompromisedData"),
    ];
    for (hub, native) in cases {
        assert_eq!(run(Function::FindingType, &[&[hub]]), [native], "{hub}");
    }
    assert!(run(Function::FindingType, &[&["nonsense"]]).is_empty());
}

#[test]
fn an_arn_is_built_from_parts_and_taken_apart() {
    let parts: &[&[&str]] = &[&[], &["us-gov-west-1"], &["000011112222"], &["d1"], &["f00d"]];
    // Account ids are texts; the reader above would drop the zeros of a number.
    let values: Vec<Vec<Value<'_>>> = parts.iter().map(|v| v.iter().map(|t| Value::Text(Cow::Borrowed(*t))).collect()).collect();
    let slices: Vec<&[Value<'_>]> = values.iter().map(Vec::as_slice).collect();
    let arn = "arn:aws-us-gov:guardduty:us-gov-west-1:000011112222:detector/d1/finding/f00d";
    assert_eq!(derive(Function::FindingArn, &slices).to_vec(), [owned(arn.to_owned())]);
    assert_eq!(run(Function::ArnAccount, &[&[arn]]), ["000011112222"]);
    assert_eq!(run(Function::ArnRegion, &[&[arn]]), ["us-gov-west-1"]);
    assert_eq!(run(Function::ArnPartition, &[&[arn]]), ["aws-us-gov"]);
    assert_eq!(run(Function::ArnName, &[&[arn]]), ["f00d"]);
    assert_eq!(run(Function::ArnDetector, &[&[arn]]), ["d1"]);
    assert!(run(Function::FindingArn, &[&["aws"], &[], &["1"], &["d"], &["f"]]).is_empty());
}

#[test]
fn the_direction_decides_which_end_is_the_source() {
    for (direction, source, target) in
        [("INBOUND", "198.51.100.7", "10.0.0.1"), ("OUTBOUND", "10.0.0.1", "198.51.100.7"), ("UNKNOWN", "198.51.100.7", "10.0.0.1")]
    {
        let inputs: &[&[&str]] = &[&[direction], &["198.51.100.7"], &[], &["10.0.0.1"], &[]];
        assert_eq!(run(Function::SourceEnd, inputs), [source], "{direction}");
        assert_eq!(run(Function::TargetEnd, inputs), [target], "{direction}");
    }
    assert!(run(Function::SourceEnd, &[&[], &["198.51.100.7"]]).is_empty());
    assert_eq!(run(Function::SourceEnd, &[&["INBOUND"], &["NL"]]), ["NL"]);
    assert!(run(Function::SourceEnd, &[&["OUTBOUND"], &["NL"]]).is_empty());
}

#[test]
fn only_aws_own_marks_make_a_sample() {
    assert_eq!(run(Function::SampleFlag, &[&["true"]]), ["true"]);
    assert_eq!(run(Function::SampleFlag, &[&[], &[r#"{"sample":true,"x":1}"#]]), ["true"]);
    assert_eq!(run(Function::SampleFlag, &[&[], &[r#"{"userAgent":"{\"sample\":true}"}"#]]), ["false"]);
    assert_eq!(run(Function::SampleFlag, &[&[], &[r#"{"sample":tru"#, "", "GeneratedFindingUserName"]]), ["false"]);
    assert_eq!(run(Function::SampleFlag, &[]), ["false"]);
}

#[test]
fn severity_bands_are_aws_own() {
    for (number, id) in [("0", 1), ("1", 2), ("3.9", 2), ("4", 3), ("6.9", 3), ("7", 4), ("8.9", 4), ("9", 5), ("10", 5)] {
        assert_eq!(run(Function::SeverityId, &[&[number]]), [id.to_string()], "{number}");
    }
    for label in ["INFORMATIONAL", "Low", "MEDIUM", "high", "CRITICAL"] {
        let number = run(Function::SeverityOfLabel, &[&[label]]);
        let id = run(Function::SeverityIdOfLabel, &[&[label]]);
        assert_eq!(run(Function::SeverityId, &[&[&number[0]]]), id, "{label}");
        assert_eq!(run(Function::SeverityOfId, &[&[&id[0]]]), number, "{label}");
    }
    assert!(run(Function::SeverityOfLabel, &[&["9"]]).is_empty());
}

#[test]
fn a_session_has_its_role_as_root() {
    let cases = [
        ("arn:aws:sts::111122223333:assumed-role/deploy/ci-7731", "arn:aws:iam::111122223333:role/deploy"),
        ("arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/Admin_1", "arn:aws:iam::111122223333:role/Admin_1"),
        ("arn:aws-cn:iam::111122223333:user/team/alice", "arn:aws-cn:iam::111122223333:user/alice"),
        ("arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:root"),
        ("arn:aws:sts::111122223333:federated-user/bob", "arn:aws:sts::111122223333:federated-user/bob"),
        ("autoscaling.amazonaws.com", "autoscaling.amazonaws.com"),
    ];
    for (arn, root) in cases {
        assert_eq!(run(Function::PrincipalRoot, &[&[arn]]), [root]);
    }
}

#[test]
fn a_findings_caller_is_named_as_cloudtrail_names_it() {
    let caller: &[&[&str]] = &[&["eu-west-1"], &["111122223333"], &["AssumedRole"], &["deploy"], &["AROAX:ci-1"]];
    assert_eq!(run(Function::Caller, caller), ["arn:aws:sts::111122223333:assumed-role/deploy/ci-1"]);
    assert_eq!(run(Function::CallerRoot, caller), ["arn:aws:iam::111122223333:role/deploy"]);
    let user: &[&[&str]] = &[&[], &["111122223333"], &["IAMUser"], &["alice"], &["AIDAX"]];
    assert_eq!(run(Function::Caller, user), ["arn:aws:iam::111122223333:user/alice"]);
    assert!(run(Function::Caller, &[&[], &["111122223333"], &[], &[], &[]]).is_empty());
}

#[test]
fn a_failed_sign_in_names_the_user_as_a_successful_one_does_unless_the_name_is_hidden() {
    let failed: &[&[&str]] = &[&["us-east-1"], &["111122223333"], &["IAMUser"], &["alice"], &[]];
    assert_eq!(run(Function::Caller, failed), ["arn:aws:iam::111122223333:user/alice"]);
    let hidden: &[&[&str]] = &[&["us-east-1"], &["111122223333"], &["IAMUser"], &["HIDDEN_DUE_TO_SECURITY_REASONS"], &["AIDAX"]];
    assert!(run(Function::Caller, hidden).is_empty());
    assert_eq!(
        run(Function::CallerRoot, &[&["cn-north-1"], &["111122223333"], &["Root"], &[], &[]]),
        ["arn:aws-cn:iam::111122223333:root"]
    );
}

#[test]
fn the_hash_of_nothing_is_no_indicator() {
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let real = "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08";
    assert_eq!(run(Function::Sha256, &[&[nothing, real, "abc"]]), [real.to_ascii_lowercase()]);
}

#[test]
fn resources_have_one_name_in_all_copies() {
    let hub: &[&[&str]] = &[
        &["AwsEc2Instance", "AwsIamAccessKey", "AwsS3Bucket", "Other"],
        &["arn:aws:ec2:eu-west-1:1:instance/i-0a", "AWS::IAM::AccessKey:ASIA1", "arn:aws:s3:::b", "x"],
    ];
    let same = ["AWS::EC2::Instance=i-0a", "AWS::IAM::AccessKey=ASIA1", "AWS::S3::Bucket=arn:aws:s3:::b", "Other=x"];
    assert_eq!(run(Function::Resources, hub), same);
    assert_eq!(run(Function::Resources, &[&["EC2_INSTANCE"], &["i-0a"]]), ["AWS::EC2::Instance=i-0a"]);
    assert_eq!(run(Function::Resources, &[&[], &["arn:aws:s3:::b/k", "plain"]]), ["AWS::S3::Object=arn:aws:s3:::b/k"]);
}

#[test]
fn values_inside_json_texts_are_found() {
    let data = r#"{"AwsIamAccessKey":{"PrincipalName":"Admin"},"list":[{"n":1},{"n":2}]}"#;
    assert_eq!(run(Function::JsonMember("AwsIamAccessKey.PrincipalName"), &[&[data]]), ["Admin"]);
    assert_eq!(run(Function::JsonMember("list.n"), &[&[data]]), ["1", "2"]);
    assert!(run(Function::JsonMember("list.n.m"), &[&[data, "{", "text"]]).is_empty());
}

#[test]
fn outcomes_addresses_and_headers() {
    assert_eq!(run(Function::Status, &[&["AccessDenied"], &[], &[]]), ["Failure"]);
    assert_eq!(run(Function::StatusId, &[&["null"], &[], &["Failure"]]), ["2"]);
    assert_eq!(run(Function::Status, &[&[], &[], &["Success"]]), ["Success"]);
    assert_eq!(run(Function::Address, &[&["AWS Internal", "2001:db8::1", ""]]), ["2001:db8::1"]);
    assert_eq!(run(Function::NotAddress, &[&["cloudformation.amazonaws.com", "192.0.2.1"]]), ["cloudformation.amazonaws.com"]);
    assert_eq!(run(Function::Header("user-agent"), &[&["Host", "User-Agent"], &["a", "curl"]]), ["curl"]);
    assert_eq!(run(Function::ProtocolName, &[&["6"]]), ["tcp"]);
    assert_eq!(run(Function::ProtocolName, &[&["132"]]), ["132"]);
    assert_eq!(run(Function::BoundaryId, &[&["8"]]), ["11"]);
    assert_eq!(run(Function::FlowActivityId, &[&["REJECT"]]), ["5"]);
    assert_eq!(run(Function::Revision, &[&["1"]]), ["new"]);
    assert_eq!(run(Function::Revision, &[&["2"]]), ["updated"]);
    assert_eq!(run(Function::Hostname, &[&["Evil.Example."]]), ["evil.example"]);
}

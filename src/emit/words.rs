//! The functions of each format. A rule that names another is refused.

use super::Format;

/// source: "Intrinsic function reference" in CloudFormation's user guide.
const CLOUDFORMATION: &str = "Fn::And Fn::Base64 Fn::Cidr Fn::Equals Fn::FindInMap Fn::GetAtt Fn::GetAZs Fn::If Fn::ImportValue Fn::Join \
    Fn::Length Fn::Not Fn::Or Fn::Select Fn::Split Fn::Sub Fn::ToJsonString Fn::Transform";

/// source: heat/engine/hot/template.py, `HOTemplate20210416`, its functions and those of conditions.
const HEAT: &str = "and contains digest equals filter get_attr get_file get_param get_resource if list_concat list_concat_unique list_join \
    make_url map_merge map_replace not or repeat resource_facade str_replace str_replace_strict str_replace_vstrict str_split yaql";

/// source: `terraform metadata functions -json` of Terraform 1.11.
const TERRAFORM: &str = "abs abspath alltrue anytrue base64decode base64encode base64gzip base64sha256 base64sha512 basename bcrypt can ceil \
    chomp chunklist cidrhost cidrnetmask cidrsubnet cidrsubnets coalesce coalescelist compact concat contains csvdecode dirname distinct \
    element endswith ephemeralasnull file filebase64 filebase64sha256 filebase64sha512 fileexists filemd5 fileset filesha1 filesha256 \
    filesha512 flatten floor format formatdate formatlist indent index issensitive join jsondecode jsonencode keys length log lookup lower \
    matchkeys max md5 merge min nonsensitive one parseint pathexpand plantimestamp pow range regex regexall replace reverse rsadecrypt \
    sensitive setintersection setproduct setsubtract setunion sha1 sha256 sha512 signum slice sort split startswith strcontains strrev \
    substr sum templatefile templatestring textdecodebase64 textencodebase64 timeadd timecmp timestamp title tobool tolist tomap tonumber \
    toset tostring transpose trim trimprefix trimspace trimsuffix try upper urlencode uuid uuidv5 values yamldecode yamlencode zipmap";

/// source: "ARM template functions" in Azure's documentation of templates.
const ARM: &str = "add and array base64 base64ToJson base64ToString bool cidrHost cidrSubnet coalesce concat contains copyIndex createArray \
    createObject dataUri dataUriToString dateTimeAdd dateTimeFromEpoch dateTimeToEpoch deployment div empty endsWith environment equals \
    extensionResourceId false filter first float format greater greaterOrEquals guid if indexOf int intersection items join json last \
    lastIndexOf length less lessOrEquals list listAccountSas listKeys listSecrets managementGroup map max min mod mul newGuid not null or \
    padLeft parameters parseCidr pickZones providers range reduce reference references replace resourceGroup resourceId skip sort split \
    startsWith string sub subscription subscriptionResourceId substring take tenant tenantResourceId toLower toObject toUpper trim true \
    tryGet union uniqueString uri uriComponent uriComponentToString utcNow variables";

impl Format {
    /// The names of its functions.
    pub fn functions(self) -> Vec<&'static str> {
        let all = match self {
            Format::Arm => ARM,
            Format::CloudFormation => CLOUDFORMATION,
            Format::Heat => HEAT,
            Format::Terraform => TERRAFORM,
        };
        all.split_whitespace().collect()
    }
}

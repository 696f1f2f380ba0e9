"""Declare the kinds of fact of the tls check."""

from __future__ import annotations

from typing import Final

from secmon.core.contract import FieldSpec, FieldType, KindSpec
from secmon.core.model import Form, Vantage

_BOTH: Final = (Vantage.INSIDE, Vantage.OUTSIDE)
_INSIDE: Final = (Vantage.INSIDE,)

TRUST_REASONS: Final = (
    "expired",
    "not_yet_valid",
    "self_signed",
    "untrusted_root",
    "missing_intermediate",
    "expired_intermediate",
    "not_ca",
    "name_mismatch",
    "no_san",
    "wrong_eku",
    "name_constraint",
    "weak_signature",
    "weak_key",
    "trusted_nonconforming",
    "bad_order",
    "extra_root",
    "other",
)

_TEXT: Final = FieldType.TEXT
_INTEGER: Final = FieldType.INTEGER
_BOOLEAN: Final = FieldType.BOOLEAN

_NOT_AFTER: Final = FieldSpec(
    "not_after",
    FieldType.TIMESTAMP,
    "end of the validity of the certificate",
    "thời điểm chứng thư hết hạn",
    unit="seconds",
)
_DAYS_LEFT: Final = FieldSpec(
    "days_left",
    _INTEGER,
    "whole days until the certificate expires, negative afterwards",
    "số ngày còn lại đến khi chứng thư hết hạn, âm nếu đã hết hạn",
    unit="days",
    days_until="not_after",
)
_LIFETIME_DAYS: Final = FieldSpec(
    "lifetime_days",
    _INTEGER,
    "whole days from the start to the end of validity",
    "số ngày từ lúc bắt đầu đến lúc hết hiệu lực",
    unit="days",
)

ENDPOINT: Final = KindSpec(
    "endpoint",
    ("host", "port", "sni"),
    (
        FieldSpec(
            "host",
            _TEXT,
            "host as named; for this host's own listeners the address that was spoken to",
            "máy chủ như đã khai báo; với cổng của chính máy này là địa chỉ đã kết nối",
        ),
        FieldSpec("port", _INTEGER, "TCP port", "cổng TCP"),
        FieldSpec(
            "sni",
            _TEXT,
            "server name in the hello, null where none was sent",
            "tên máy chủ gửi trong hello (SNI)",
        ),
        FieldSpec("address", FieldType.ADDRESS, "address that was spoken to", "địa chỉ đã kết nối"),
        FieldSpec(
            "versions",
            FieldType.TEXTS,
            "versions that it offers, of TLS1.0 TLS1.1 TLS1.2 TLS1.3",
            "các phiên bản TLS mà máy chủ chấp nhận",
        ),
        FieldSpec(
            "trusted",
            _BOOLEAN,
            "the chain leads to a trusted root and, where a name is expected, is for it",
            "chuỗi chứng thư dẫn tới CA gốc tin cậy và đúng tên (nếu có tên cần kiểm tra)",
        ),
        FieldSpec(
            "trust_reason",
            _TEXT,
            "the one reason why it is not trusted, or what else is wrong with the chain; null for nothing",
            "lý do duy nhất khiến chuỗi không được tin cậy hoặc còn khiếm khuyết; null nếu không có",
            values=TRUST_REASONS,
        ),
        FieldSpec(
            "trust_profile",
            _TEXT,
            "where its root comes from: public (the system's), or the name of a trust folder",
            "nguồn của CA gốc: public (của hệ điều hành) hoặc tên thư mục tin cậy",
        ),
        FieldSpec(
            "pinned",
            _BOOLEAN,
            "the certificate has the SHA-256 that the target pins; null where none is pinned",
            "chứng thư có đúng SHA-256 đã ghim; null nếu không ghim",
        ),
        FieldSpec(
            "name_ok",
            _BOOLEAN,
            "the certificate is for the expected name (RFC 9525)",
            "chứng thư đúng với tên cần kiểm tra (RFC 9525)",
        ),
        FieldSpec(
            "chain",
            FieldType.TEXTS,
            "subjects of the certificates as sent, the server's own first",
            "chủ thể của các chứng thư theo thứ tự máy chủ gửi",
        ),
        _NOT_AFTER,
        _DAYS_LEFT,
        _LIFETIME_DAYS,
        FieldSpec(
            "client_auth",
            _BOOLEAN,
            "it asks for a client certificate",
            "máy chủ yêu cầu chứng thư của máy khách",
        ),
    ),
    {Form.ENDPOINT: _BOTH, Form.LOCAL: _INSIDE},
    "a TLS server at one host and port",
    "một máy chủ TLS tại một máy và cổng",
)

CERTIFICATE: Final = KindSpec(
    "certificate",
    ("place", "index"),
    (
        FieldSpec("place", _TEXT, "host:port, or path of the file", "máy:cổng, hoặc đường dẫn tệp"),
        FieldSpec("index", _INTEGER, "position there, from 0", "vị trí tại đó, từ 0"),
        FieldSpec(
            "source", _TEXT, "where it was found", "nơi tìm thấy chứng thư", values=("endpoint", "file")
        ),
        FieldSpec("subject", _TEXT, "subject (RFC 4514)", "chủ thể (RFC 4514)"),
        FieldSpec("issuer", _TEXT, "issuer (RFC 4514)", "bên cấp (RFC 4514)"),
        FieldSpec("serial", _TEXT, "serial number, hexadecimal", "số sê-ri, hệ thập lục phân"),
        FieldSpec(
            "sans",
            FieldType.TEXTS,
            "DNS names and addresses that it is for, at most 100",
            "các tên DNS và địa chỉ mà chứng thư áp dụng, tối đa 100",
        ),
        FieldSpec(
            "not_before",
            FieldType.TIMESTAMP,
            "start of the validity of the certificate",
            "thời điểm chứng thư bắt đầu có hiệu lực",
            unit="seconds",
        ),
        _NOT_AFTER,
        _DAYS_LEFT,
        _LIFETIME_DAYS,
        FieldSpec(
            "key_type",
            _TEXT,
            "algorithm of its key",
            "thuật toán của khóa",
            values=("rsa", "ec", "ed25519", "ed448", "dsa", "other"),
        ),
        FieldSpec("key_bits", _INTEGER, "size of its key", "độ dài khóa", unit="bits"),
        FieldSpec(
            "signature",
            _TEXT,
            "algorithm of its signature, such as rsa-with-sha256, or an object identifier",
            "thuật toán chữ ký, ví dụ rsa-with-sha256, hoặc mã định danh đối tượng (OID)",
        ),
        FieldSpec("self_signed", _BOOLEAN, "its own key signed it", "chứng thư tự ký"),
        FieldSpec("ca", _BOOLEAN, "it may issue certificates", "được phép cấp chứng thư khác"),
        FieldSpec(
            "sha256", _TEXT, "SHA-256 of its DER, hexadecimal", "SHA-256 của chứng thư, hệ thập lục phân"
        ),
    ),
    {Form.ENDPOINT: _BOTH, Form.FILE: _BOTH, Form.LOCAL: _INSIDE},
    "an X.509 certificate that a server sent or that lies in a file",
    "một chứng thư X.509 do máy chủ gửi hoặc nằm trong tệp",
)

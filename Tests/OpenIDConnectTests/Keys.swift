import JOSE
import Testing

/// A key of RSA, the only kind that has several algorithms to choose from.
func rsaKey() throws -> PrivateKey {
    try #require(PrivateKey(pem: Array("-----BEGIN PRIVATE KEY-----\n\(body)\n-----END PRIVATE KEY-----\n".utf8)))
}

private let body =
    "MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQCbf2/ULpTzkIoyZXNLT87WnTBOzOnUv73tULxWT1fGbW4cqw2t"
    + "xXB6of57srAPuysFSHdl5q8+xraMSVYTIYkw1Wm0bDu8qXSS39eSICojTuBkPOVdinw6n1ZcSwgCnKtVm5U3x5neZk0s+dfFT7aa"
    + "UoRYv2V5UoB0uii+s3pbo2dPCGhdHB4cdykyOl9cTupKvVbe0Wsgi9wT76lbiZd58oVlHGJRfoBgwrZXibP2SrWFHACsfJPa/71a"
    + "tBK4t93wyAMe8dAr68LCaczCLF3Ugm7voMVmztu3SxdYb6qgWTSkOKQM5ol5T+pRMVxKvEhAsB286KTGNQLbk77ML3d5AgMBAAEC"
    + "ggEAOrjyFOmwg5jCr8yDMV5GyOKcwy18YsU0ZwI11cxp4/wgeMAaTtUAqLczgShWd+JhmUGoIXnwFV96wdjSIjBofGIj5Kh5GMLP"
    + "zMWuxbbS4vmfIQukPOKXDpZsyTbmpAHhbFdwjxuYXpY4r/L8Sr3TQk1GQLOrERmYfDxvNbFW1HL2vUW9gGRkPXSE5Wg+lye4xHrf"
    + "DXjfDVD0/YLr5QxIKGysQAoybjs3RuYzjICP1PF85QEWFxoWvzylajQxGpUPbpK4tSffv9WO6tTQA2VnJrzrxBIiQFxZ75rdZVpY"
    + "4/5/tGWUBGKo08wDyc+hzKXD/DJI/ONYO8D8uPFbxoZ0HwKBgQDO+0QcEsoA1SeoItNDm/XWOxmbrLcG8eLM+a8Y9QGTNp68Xilf"
    + "QkRf4U0DOLr8lQ8TEnMrpg3ZVIA/kGaJc0O/bakDDsu6+mivAYEMU6RnUAon6eeGkTuh1GdA57SDg3pZwuyXPBpagg56IOTpm/cl"
    + "+EME0hk57GO2KQqDGV7szwKBgQDAUtoBqNjlVif7jOPw0OEJOAeycQI9Gh98QRFQtbhtjdGb1BHGNWTCGG6gC2gmha+RWufQR9a1"
    + "q7x51dm3GzgDGvbVPd3n5CoL/JL5NLNem/hHrJFPe4BocDT3z9aeKM7ogPQVXB6Vehq19ALzOGLqG2Mbz8i1UaLUvi6i2ge5NwKB"
    + "gDuAUBwh6qBCppvXJxSQiSOE6d+uzw7YCnMSdBugk0tWsFtGVm5kBnPpuNHsRRTHZQX+j81Ed0a63ANp55Ar6pXlWGjgoACoa9+j"
    + "dw2sHd71S3Yd78jnh1UGUoh+E46bBVk4h/sR9CGAsdi6DBR8GZh4vgtsuoPESQXc1oDJklhRAoGAEhm6Gt3hS/RH3wzrhwahp1R2"
    + "pPyt0UJcJD2be5UevnDSgW/8HEN6MCpMfxOTwcxjMbL0jk20j3SSUIUn8GvHYcNv57Hi6Kg4rNggnQOwvf6/5z7+jhR5iVrGIWyW"
    + "Llx43LkGP9xjpH3Rdb55aJqt9IqPUVbE9Qux34Pmr70FbRECgYBc8UFCMjwXnFEW2K1U9pWlvDSBP/AXvjnHNDi/S7iVXAkfnhQA"
    + "tBjqMdwUuWrsuUjBvKYjsVlBydo2sI5SMZ6YfdnpXSEE1U6ixAlrq17XPeqJ/mrX0cVmP95ZM8TyK9wbke4ZwoZtPBv6oEpD3cSB"
    + "Rg8ulCIlSskRaXC1023X+g=="

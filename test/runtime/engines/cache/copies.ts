/** What real servers gave to a replica: five texts, a hash, and one number in another database. */
export const copies = {
  'Valkey 8.1.1': Buffer.from(
    'UkVESVMwMDEx+gp2YWxrZXktdmVyBTguMS4x+gpyZWRpcy1iaXRzwED6BWN0aW1lwt/tAWv6CHVzZWQtbWVtwhATEQD6DnJlcGwtc3RyZWFtLWRiwAD6B3JlcGwtaWQoYWUzNzQ2ODU4Mzc4Y2M3MThjNGYxNmQ2Y2NmNmM1ODg0ODIyYTQ5NfoLcmVwbC1vZmZzZXTACfoIYW9mLWJhc2XAAP4A+wYAAAJrMQJ2MQACazICdjIAAmszAnYzAAJrNAJ2NBABaBERAAAABACBYQIBAYFiAgIB/wACazUCdjX+A/sBAAAFb3RoZXLAAf+3wQ2EmnIMnw==',
    'base64',
  ),
  'Redis 8.0.2': Buffer.from(
    'UkVESVMwMDEy+glyZWRpcy12ZXIFOC4wLjL6CnJlZGlzLWJpdHPAQPoFY3RpbWXC5O0Ba/oIdXNlZC1tZW3COMcOAPoOcmVwbC1zdHJlYW0tZGLAAPoHcmVwbC1pZCg0YjE4M2RiMjU2MzgwOTg0MzY2MDc5MzM1MjE1OGZmZDlkNDY4NjQz+gtyZXBsLW9mZnNldMAX+ghhb2YtYmFzZcAA/gD7BgAAAmsxAnYxAAJrMwJ2MxABaBERAAAABACBYQIBAYFiAgIB/wACazQCdjQAAms1AnY1AAJrMgJ2Mv4D+wEAAAVvdGhlcsAB/72f/5oOqqdS',
    'base64',
  ),
} as const;

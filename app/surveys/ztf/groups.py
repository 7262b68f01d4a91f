"""The fields of a ZTF alert in groups, as people look for them."""

from typing import Final

FIELD_GROUPS: Final = {
    "Alert": "candid object_id time jd mjd filter fid exptime field rcid nid pid tblid batch "
    "programid programpi pdiffimfilename tooflag",
    "Position": "ra dec l b xpos ypos mindtoedge",
    "Difference photometry": "magpsf sigmapsf isdiffpos deltamaglatest deltamagref diffmaglim "
    "magap sigmagap magapbig sigmagapbig magdiff magfromlim chipsf scorr sky dsnrms ssnrms dsdiff",
    "Quality and shape": "rb rbversion drb drbversion classtar fwhm seeratio elong aimage bimage "
    "aimagerat bimagerat sumrat nneg nbad",
    "Reference image": "distnr magnr sigmagnr chinr sharpnr ranr decnr nframesref jdstartref "
    "jdendref rfid",
    "History": "ndethist ncovhist jdstarthist jdendhist",
    "Solar system": "ssdistnr ssmagnr ssnamenr",
    "Pan-STARRS1": "nmtchps objectidps1 distpsnr1 sgscore1 sgmag1 srmag1 simag1 szmag1 objectidps2 "
    "distpsnr2 sgscore2 sgmag2 srmag2 simag2 szmag2 objectidps3 distpsnr3 sgscore3 sgmag3 srmag3 "
    "simag3 szmag3",
    "Gaia": "neargaia maggaia neargaiabright maggaiabright",
    "Calibration": "magzpsci magzpsciunc magzpscirms nmatches clrcoeff clrcounc zpclrcov zpmed "
    "clrmed clrrms",
}
